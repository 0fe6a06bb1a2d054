"""Keys of lists, and the lists that rules name."""

import re
import unicodedata
from typing import Any

from patron.kit.problems import bad_request

LONGEST_KEY = 60
KEY = r"^[a-z0-9][a-z0-9_-]{0,59}$"
"""What a key looks like that can stand in addresses and rules, as those of journeys do."""


def key_of(name: str) -> str:
    """A key made of a name: "Trade fair 2026" → "trade-fair-2026"; "" when no letter is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall("[a-z0-9]+", plain))[:LONGEST_KEY].rstrip("-")


LONGEST_NAME = 120


def checked(name: str) -> str:
    """A name without blanks around it. Problem 400 for one that says nothing, or is too long."""
    plain = name.strip()
    if not 1 <= len(plain) <= LONGEST_NAME or "\0" in plain:
        raise bad_request(
            f"the name {name[:40]!r} has {len(plain)} characters that count",
            remedy=f"give 1 to {LONGEST_NAME}",
            path="name",
        )
    return plain


def named(data: Any, form: str = "list") -> set[str]:
    """Keys of the lists (or segments) that conditions anywhere in JSON data name."""
    if isinstance(data, list | dict):
        inner = data.values() if isinstance(data, dict) else data
        found: set[str] = set().union(*(named(one, form) for one in inner))
        key = data.get(form) if isinstance(data, dict) else None
        return found | {key} if isinstance(key, str) else found
    return set()
