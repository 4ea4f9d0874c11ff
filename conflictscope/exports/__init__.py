"""Validated datasets and study bundles as files."""
