"""Segments that every shop can have without describing them: made here, saved by one call."""
