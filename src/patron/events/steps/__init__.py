"""The steps every event passes: `drop_*` may refuse it, `put_*` puts something on it. Pure."""
