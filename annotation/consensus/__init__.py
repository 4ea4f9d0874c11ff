"""From the answers of several people to one, and where it is written down."""
