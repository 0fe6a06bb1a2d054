"""What is known of a person, put together from what stands under each of her origins."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from patron.profiles.traits import Traits, joined, plain
from patron.profiles.types import Identifier

SHOWN = ("email", "phone")
ASKED = (*SHOWN, "user_id")
"""The identifiers that rules may ask for like traits."""


def known_traits(
    parts: Iterable[Traits], names: Sequence[Identifier], kinds: Sequence[str] = SHOWN
) -> dict[str, Any]:
    """Her plain traits from those of her origins, `email` and `phone` among them when an
    identifier tells them; of other `kinds`, those."""
    traits = plain(joined(parts))
    for kind in kinds:
        if one := best(names, kind):
            traits[kind] = one.address or one.value
    return traits


def best(names: Iterable[Identifier], kind: str) -> Identifier | None:
    """The one to show of a person's identifiers of a kind: the most believed, then the newest."""
    fitting = [each for each in names if each.kind == kind]
    return max(fitting, key=lambda i: (i.verified, i.trust, i.last_seen, i.value), default=None)


def name_of(traits: Mapping[str, Any]) -> str | None:
    """How she is called: `name`, else first and last name; None when nothing tells."""
    parts = [text_of(traits.get("first_name")), text_of(traits.get("last_name"))]
    whole = text_of(traits.get("name")) or " ".join(part for part in parts if part)
    return whole or None


def text_of(value: Any) -> str | None:
    """A trait as text without spaces around it; None for what is none."""
    return value.strip() or None if isinstance(value, str) else None
