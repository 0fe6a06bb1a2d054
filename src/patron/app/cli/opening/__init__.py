"""`patron init`: what it asks, whether an answer can be used, and what it then makes."""
