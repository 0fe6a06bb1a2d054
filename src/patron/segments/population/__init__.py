"""Where a person stands among all others, by published tables of cut points."""
