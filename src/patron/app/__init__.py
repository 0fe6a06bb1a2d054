"""Wires the rooms together: command line, server, worker, demo, settings. Decides nothing."""
