"""What the log is made of: rows, the keys that keep them single, orders."""
