"""Suppressed addresses as files: brought in and taken away."""
