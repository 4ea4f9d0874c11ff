"""Datasets, scenarios and verdicts: generation, dedup, filtering, import."""
