"""Value sets, their versions and values, and the rankings that somebody wants: written, published, shipped."""
