"""Finding people by what they go by: names, addresses, numbers, orders, tags."""
