"""What was written on people by hand, told as events of theirs."""
