"""Where something is offered, and what the shopkeeper wants there."""
