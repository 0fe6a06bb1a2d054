"""The shopkeeper's say: pure functions over columns, the same answer for the same input."""
