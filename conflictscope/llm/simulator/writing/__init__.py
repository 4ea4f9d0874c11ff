"""What the simulated generator, the simulated user and the targets write."""
