"""What members of a value set do together: propose, speak, decide, and what became of it all."""
