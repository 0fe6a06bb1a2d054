"""Files of scores that other programs made."""
