"""A shop's own list of what it sells, read again and again. What leaves it is hidden, but kept."""
