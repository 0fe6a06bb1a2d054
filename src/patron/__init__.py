"""Patron lets an online shop know and treat every customer as a good shopkeeper would."""

VERSION = "0.1.0"
