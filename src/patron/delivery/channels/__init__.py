"""One folder a way out of the house; channels do not know each other."""
