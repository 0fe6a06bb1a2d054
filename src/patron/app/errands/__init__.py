"""Jobs of the worker, each in a process of its own."""
