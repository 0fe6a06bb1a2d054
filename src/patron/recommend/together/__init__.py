"""Bought together: what shares orders more often than by chance, and what completes them."""
