"""What happened, told to the owner's own systems: signed, in order, until they have heard it."""
