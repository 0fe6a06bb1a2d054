"""Products as lists and pages show them."""
