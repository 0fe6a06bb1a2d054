"""What occurs together: counted a block of products at a time, the best few of each kept."""
