"""The pages of runs and rankings: what was asked, what came back, and what it comes to."""
