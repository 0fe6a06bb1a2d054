"""The language of rules: how one is read, compared, told in words, and when its answer changes."""
