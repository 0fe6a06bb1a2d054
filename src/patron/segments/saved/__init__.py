"""Segments as their owner saves them: a name, a rule, and how far they are known."""
