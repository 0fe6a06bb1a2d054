"""The other names by which pages call products; asked only where a name is no product's id."""
