"""The door for programs that read runs, responses and rankings."""
