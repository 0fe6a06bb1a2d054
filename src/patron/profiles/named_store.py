"""Who has which identifiers, for many at once."""

from collections.abc import Collection
from uuid import UUID

from patron.kit.db import Tx, tuples

Name = tuple[str, str]
"""Kind and normalised value of an identifier."""


async def roots_of(tx: Tx, names: Collection[Name]) -> dict[Name, UUID]:
    """The root of whoever has each identifier; those that nobody has are missing."""
    asked = sorted(set(names))
    found = await tuples(
        tx,
        "SELECT i.kind, i.value, o.root_id FROM unnest(%s::text[], %s::text[]) AS n(kind, value)"
        " JOIN identifier i ON i.value = n.value AND i.kind = n.kind"
        " JOIN origin o ON o.id = i.origin_id",
        ([kind for kind, _ in asked], [value for _, value in asked]),
    )
    return {(kind, value): root for kind, value, root in found}
