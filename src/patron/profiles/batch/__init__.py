"""What one batch of the walk needs of the profiles, loaded at once and written back at once."""
