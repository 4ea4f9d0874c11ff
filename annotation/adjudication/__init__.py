"""What people could not agree on: which items wait for somebody to settle them, and what comes of it."""
