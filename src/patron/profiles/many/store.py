"""Traits and reach of many people. A person is given by any id and all her origins."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from patron.kit.db import Tx, tuples
from patron.profiles.batch.state import read_traits
from patron.profiles.known import SHOWN, known_traits
from patron.profiles.reach_store import PLAIN, Way, reached
from patron.profiles.store import identifiers
from patron.profiles.traits import Traits
from patron.profiles.types import Identifier, Reach
from patron.shops.types import ShopSettings

People = Mapping[UUID, Sequence[UUID]]


async def known(tx: Tx, roots: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """The origins of those of these people who are known by a name."""
    found = await tuples(
        tx,
        "SELECT root_id, array_agg(id ORDER BY id) FROM origin WHERE root_id = ANY(%s)"
        " GROUP BY root_id HAVING bool_or(known)",
        (sorted(roots),),
    )
    return dict(found)


async def traits(
    tx: Tx, people: People, kinds: Sequence[str] = SHOWN
) -> dict[UUID, dict[str, Any]]:
    """The traits of each person as `store.person` has them, identifiers of these kinds among
    them."""
    every = _origins(people)
    written: dict[UUID, Traits] = {
        origin: read_traits(text)
        for origin, text in await tuples(
            tx, "SELECT id, traits::text FROM origin WHERE id = ANY(%s)", (every,)
        )
    }
    held = _held(people, await identifiers(tx, every))
    return {
        person: known_traits(
            (written[origin] for origin in origins if origin in written), held[person], kinds
        )
        for person, origins in people.items()
    }


async def reach(
    tx: Tx, people: People, ways: Collection[Way], settings: ShopSettings = PLAIN
) -> dict[UUID, dict[Way, Reach]]:
    """How each person can be reached each way, as `store.reach` says."""
    held = _held(people, await identifiers(tx, _origins(people)))
    return await reached(tx, held, ways, settings)


def _origins(people: People) -> list[UUID]:
    return sorted({origin for origins in people.values() for origin in origins})


def _held(people: People, names: Iterable[Identifier]) -> dict[UUID, list[Identifier]]:
    """The identifiers of each person, in the order of her origins."""
    by_origin: dict[UUID, list[Identifier]] = {}
    for name in names:
        by_origin.setdefault(name.origin_id, []).append(name)
    return {
        person: [name for origin in origins for name in by_origin.get(origin, ())]
        for person, origins in people.items()
    }
