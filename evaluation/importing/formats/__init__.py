"""The formats of evaluations that can be read."""
