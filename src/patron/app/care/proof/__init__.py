"""That nothing is left of an erased person: looked for byte by byte, in every table and file."""
