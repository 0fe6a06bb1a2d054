"""What many want, for how long, and what is rising: counts that fade with time."""
