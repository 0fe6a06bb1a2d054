"""Segments where several rooms have a word."""
