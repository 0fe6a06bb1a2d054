"""The forms of a condition: each reads its own JSON, says what it needs, decides, and says why."""
