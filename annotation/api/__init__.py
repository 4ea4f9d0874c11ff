"""The door for programs that label."""
