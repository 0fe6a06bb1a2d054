"""Recommended for you: what people went on to, who had the same things in the same order."""
