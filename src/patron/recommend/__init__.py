"""What to offer: counted from what was bought, looked up in files that are swapped whole."""
