"""Decisions as arrays, and what they say of a dataset."""
