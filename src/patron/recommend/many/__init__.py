"""Answers for many people: their pasts are read, and their lists counted, a block at a time."""
