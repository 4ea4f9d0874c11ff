"""A run and what its job does: ask by multiple choice or through a simulated user, read what comes, judge it."""
