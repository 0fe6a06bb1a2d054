"""Patron lets an online shop know and treat every customer as a good shopkeeper would."""
