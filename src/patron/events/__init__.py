"""What happened: the inbox, the log, sessions. The door only writes down; the walk thinks."""
