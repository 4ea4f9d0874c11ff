"""Values in the order in which a target supports them."""
