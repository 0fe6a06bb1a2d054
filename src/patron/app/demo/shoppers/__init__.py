"""Who comes to the demo shop in its last days, what they do on a visit, and what is true of it."""
