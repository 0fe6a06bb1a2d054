"""The command line. A command asks the rooms, prints a table or, with `--json`, an object."""
