"""Files become events and products. What was read once adds nothing when it is read again."""
