"""Which models a shop gets: parameters chosen and every source judged on its own last days."""
