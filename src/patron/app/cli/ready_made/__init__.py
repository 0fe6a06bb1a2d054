"""What the command line does with ready-made and suggested segments."""
