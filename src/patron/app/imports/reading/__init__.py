"""Files as rows of values, whatever they are written in, with what could not be read."""
