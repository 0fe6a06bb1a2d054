"""One customer at the command line: finding her, her page, what is written on her."""
