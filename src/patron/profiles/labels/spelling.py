"""How tags are compared: pure."""


def key_of(tag: str) -> str:
    """A tag as tags are compared: without regard to case and to how its words are spaced."""
    return " ".join(tag.casefold().split())
