"""Patron's own PostgreSQL server: started, adopted, stopped, never cut off in its recovery."""
