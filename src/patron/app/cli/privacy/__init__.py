"""Who read what, and how long what is kept."""
