"""Value sets, datasets, scenarios and verdicts: generation, dedup, filtering, import."""
