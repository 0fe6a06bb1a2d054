"""Whose house this is: shops, their keys and their settings."""
