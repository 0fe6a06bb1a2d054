"""Predicted values: the shop's own scores, and what Patron expects of buyers; versioned tables."""
