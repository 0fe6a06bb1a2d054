"""The pasts of a block of customers in a handful of statements: as `Visitors.read`, for each."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from patron.carts import store as carts
from patron.events.recent import store as recent
from patron.events.recent.store import Deed
from patron.kit.clock import monotonic
from patron.kit.db import Tx
from patron.profiles.many import store as many
from patron.recommend.attribution.words import CLICKED, SHOWN
from patron.recommend.serving.visitors import (
    ORDERS,
    ORDERS_OF,
    SHOWN_OF,
    VIEWS,
    VIEWS_OF,
    Visitor,
    Visitors,
    facts,
)
from patron.segments.members import store as members


async def known(visitors: Visitors, roots: Sequence[UUID]) -> dict[UUID, Visitor]:
    """Those of these roots who are known by a name, in their order, and all that is known of each.
    `visitors` do not remember them."""
    async with visitors.unit() as tx:
        people = await many.known(tx, roots)
        position = await recent.last_position(tx)
        root = {origin: one for one, theirs in people.items() for origin in theirs}
        views, orders, told = await _deeds(tx, visitors, root)
        traits = await many.traits(tx, people)
        inside = await members.of_people(tx, people)
        with_cart = {root[one] for one in await carts.with_open_carts(tx, sorted(root))}
        found = {}
        for one in (one for one in roots if one in people):
            theirs = people[one]
            visitor = found[one] = Visitor(
                origins=frozenset(theirs), known=True, position=position, read_at=monotonic()
            )
            visitors.put(visitor, views.get(one, []), orders.get(one, []), told.get(one, []))
            if one in with_cart:
                await visitors.read_cart(tx, visitor)
            visitor.facts = facts(traits[one])
            visitor.facts["segments"] = sorted(inside.get(one, ()))
    return found


Deeds = dict[UUID, list[Deed]]


async def _deeds(
    tx: Tx, visitors: Visitors, root: Mapping[UUID, UUID]
) -> tuple[Deeds, Deeds, Deeds]:
    """By person what she looked at, what she ordered, and what was offered to her."""
    origins, names, now = sorted(root), visitors.names, visitors.now()
    asked = (
        ([names.viewed], now - VIEWS_OF, VIEWS),
        ([names.ordered], now - ORDERS_OF, ORDERS),
        ([*SHOWN, *CLICKED], now - SHOWN_OF, VIEWS),
    )
    read = [await recent.of_origins(tx, origins, *each) for each in asked]
    await visitors.resolve(tx, [deed for deeds in read for deed in deeds])
    views, orders, told = (_by_person(deeds, root) for deeds in read)
    return views, orders, told


def _by_person(deeds: Sequence[Deed], root: Mapping[UUID, UUID]) -> Deeds:
    found: Deeds = {}
    for deed in deeds:  # by time, and so are those of each
        found.setdefault(root[deed.origin_id], []).append(deed)
    return found
