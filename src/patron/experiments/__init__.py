"""Which variant a person gets: the same one every time she is asked about, on every machine."""
