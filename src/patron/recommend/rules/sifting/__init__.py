"""Which products may stand in one answer, and which may stand beside each other."""
