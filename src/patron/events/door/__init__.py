"""The tracking API: a call is made sure to be whole, and is stored as it came."""
