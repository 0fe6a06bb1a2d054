"""What every reader of feeds gives: an item's fields as they stand, and why a feed broke off."""

from functools import lru_cache
from typing import NamedTuple

MOST_CHARACTERS = 4 << 30
LONGEST_FIELD = 100_000
MOST_FIELDS = 500

# What XML does not allow and databases cannot hold; some shops' editors leave it in their texts.
_CONTROLS = {code: None for code in range(32) if code not in (9, 10, 13)} | {
    0xFFFE: None,
    0xFFFF: None,
}


class Row(NamedTuple):
    """An item: `number` counts from 1, or as the lines of a table do; each name, in small letters
    with `_`, has all values that were given under it."""

    number: int
    fields: dict[str, list[str]]


class Broken(Exception):
    """A feed that cannot be read to its end; what came before holds. `remedy` says what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def plain(text: str) -> str:
    """`text` without control characters."""
    return text if text.isprintable() else text.translate(_CONTROLS)


@lru_cache(2_048)
def named(name: str) -> str:
    """The name of a field as shops write it: `image link`, `g:image_link`, `shipping(country)`."""
    name = name.strip().strip('"').lower().partition("(")[0].strip()
    return name.removeprefix("g:").replace(" ", "_").replace("-", "_")
