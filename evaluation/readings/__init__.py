"""Judges asked again: how steady they are with themselves, over the places of the actions, and over time."""
