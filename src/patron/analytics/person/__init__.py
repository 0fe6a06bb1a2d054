"""Everything known about one person, each fact with who said it and when."""
