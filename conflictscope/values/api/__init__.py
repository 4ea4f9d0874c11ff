"""The door for programs that read, write, discuss and publish value sets."""
