"""What this room does for whoever writes a value set: tries it on a generator, and says which values say nearly the same."""
