"""Product feeds fetched from where the owner says they are, and from nowhere else."""
