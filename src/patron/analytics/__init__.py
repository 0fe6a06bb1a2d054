"""What happened and what it earned. Reads everything, changes nothing."""
