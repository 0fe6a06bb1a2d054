"""Who is held out of a placement, and what the placement earned by that comparison."""
