"""`patron feed …`."""
