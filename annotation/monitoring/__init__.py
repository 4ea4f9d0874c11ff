"""How a campaign gets on, for those who run it."""
