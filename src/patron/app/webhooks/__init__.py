"""The owner's systems: how the worker tells them, and whether they hear it."""
