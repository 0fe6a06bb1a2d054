"""Traits with who said them and when."""

from collections.abc import Sequence
from uuid import UUID

from patron.kit.db import Tx, tuples
from patron.profiles.batch.state import read_traits
from patron.profiles.traits import Traits, joined


async def told(tx: Tx, origins: Sequence[UUID]) -> Traits:
    """The traits of a person by name, as the one who is believed most wrote them; those that were
    taken away are there with the value None."""
    written = await tuples(
        tx, "SELECT traits::text FROM origin WHERE id = ANY(%s) ORDER BY id", (list(origins),)
    )
    return joined(read_traits(text) for (text,) in written)
