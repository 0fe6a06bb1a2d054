"""Buy it again: what she buys time and again, when it is due, and what comes with it."""
