"""`patron prediction …`: what is expected of people."""
