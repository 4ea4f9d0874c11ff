"""Target LLMs, multiple choice, simulated users, judging and rankings."""
