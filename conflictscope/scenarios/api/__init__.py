"""The door for programs that read datasets and scenarios."""
