"""What the pages of this room show, fetched for a whole page at once."""
