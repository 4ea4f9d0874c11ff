"""The report of a study: what was asked, of what, by whom, and what came of it, with the way back from each number."""
