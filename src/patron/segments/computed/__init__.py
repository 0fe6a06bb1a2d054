"""Traits that are computed out of what a person did, by a definition of the shop's."""
