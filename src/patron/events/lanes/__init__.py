"""The writers of the inbox: each numbers its own rows, and a row is one commit."""
