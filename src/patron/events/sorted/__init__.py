"""The lake once more, as small integers sorted by person: what happened to whom, ready to count."""
