"""Around every route: what a key reads of people, and what it changes, is written down."""
