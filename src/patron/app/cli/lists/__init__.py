"""What the command line does with lists of people."""
