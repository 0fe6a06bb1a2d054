"""A few columns of somebody's newest events, and of everybody's as they come."""
