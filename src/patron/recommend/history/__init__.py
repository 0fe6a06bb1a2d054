"""What people did with products, read from the lake into columns that know nobody."""
