"""Pages of jobs, and what pages that start one have in common."""
