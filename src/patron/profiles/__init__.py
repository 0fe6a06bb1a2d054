"""Who it was (identity), what we know, what they consented to, suppression."""
