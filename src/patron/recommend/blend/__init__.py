"""Several strategies share a link of a chain, where that was better on the days held back."""
