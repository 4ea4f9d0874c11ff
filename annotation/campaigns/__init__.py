"""Campaigns: made, drawn, opened, extended, closed."""
