"""What age takes: how far it has come with each kind of data, and which traces are left."""
