"""What live segments remember of each person, and the kernels that answer from it."""
