"""What goes wrong with the server, told to the person who has to fix it."""


class PostgresError(Exception):
    """The server cannot start, stop or be used; the message names the thing and the remedy."""
