"""Steering: system prompts that are to move a target's choices, and whether they do."""
