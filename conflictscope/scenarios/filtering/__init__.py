"""Filtering: judges answer on six dimensions; their verdicts, and what people found, settle which scenarios are kept."""
