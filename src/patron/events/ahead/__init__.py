"""What comes next in the walk, made ready while the database works."""
