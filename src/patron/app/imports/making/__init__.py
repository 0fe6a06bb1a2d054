"""Rows become calls of the Tracking API, and products; each says the same of the same row."""
