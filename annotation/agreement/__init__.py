"""How far judge and people, and people among themselves, say the same."""
