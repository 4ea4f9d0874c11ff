"""One file per provider's protocol, imported only when an endpoint speaks it."""
