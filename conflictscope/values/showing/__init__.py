"""Value sets shown and taken along: the list, citations, files."""
