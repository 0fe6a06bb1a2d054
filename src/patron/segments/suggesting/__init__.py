"""Segments that are found in what a shop's own customers do, named in words."""
