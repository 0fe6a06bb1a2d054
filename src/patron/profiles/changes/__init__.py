"""Who changed outside the walk, for the rooms above to look at again."""
