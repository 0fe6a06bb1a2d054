"""The whole catalog for whoever keeps it in memory, and which products changed since."""
