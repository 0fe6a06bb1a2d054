"""Loads what rules ask about people, for many people at once.

Facts are those of the person an origin belongs to today: her events, traits and orders under every
origin she ever had.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

import msgspec

from patron.carts import store as carts
from patron.kit.db import Tx
from patron.profiles import store as profiles
from patron.segments.language import THIS, Needs
from patron.segments.store import families, happened


class Subject(msgspec.Struct, frozen=True):
    """Whom a rule is asked about, and what its names mean for her: moments, and "this" cart."""

    origin_id: UUID
    moments: dict[str, datetime] = {}
    cart: str | None = None


class Loaded(msgspec.Struct, frozen=True):
    """Facts as `language.Facts` wants them. `log` holds (time, name, properties)."""

    traits: dict[str, Any]
    moments: dict[str, datetime]
    zone: tzinfo
    log: list[tuple[datetime, str, dict[str, Any]]]
    open_carts: frozenset[str]

    def events(
        self, names: Collection[str], since: datetime | None
    ) -> Sequence[tuple[datetime, Mapping[str, Any]]]:
        return [
            (ts, properties)
            for ts, name, properties in self.log
            if name in names and (since is None or ts >= since)
        ]

    def cart_open(self, cart: str) -> bool:
        return cart in self.open_carts


async def load(tx: Tx, subject: Subject, needs: Needs, now: datetime, zone: tzinfo) -> Loaded:
    return (await load_many(tx, [subject], needs, now, zone))[0]


async def load_many(
    tx: Tx, subjects: Sequence[Subject], needs: Needs, now: datetime, zone: tzinfo
) -> list[Loaded]:
    """The facts of each subject, in their order. Queries do not grow with their number, but for
    traits, which are read person by person."""
    family = await families(tx, [one.origin_id for one in subjects])
    logs = await _logs(tx, subjects, family, needs, now)
    open_carts = await _open_carts(tx, subjects, needs)
    traits: dict[UUID, dict[str, Any]] = {}
    if needs.traits:
        for eldest in {members[0] for members in family.values()}:
            person = await profiles.person(tx, eldest)
            traits[eldest] = person.traits if person else {}
    found = []
    for one in subjects:
        members = family[one.origin_id]
        log = [deed for origin in members for deed in logs.get(origin, [])]
        carts_of_hers = open_carts | ({THIS} if one.cart in open_carts else set())
        found.append(
            Loaded(traits.get(members[0], {}), one.moments, zone, log, frozenset(carts_of_hers))
        )
    return found


async def _logs(
    tx: Tx,
    subjects: Sequence[Subject],
    family: Mapping[UUID, list[UUID]],
    needs: Needs,
    now: datetime,
) -> dict[UUID, list[tuple[datetime, str, dict[str, Any]]]]:
    """Events by origin, from the earliest moment any of the subjects asks about."""
    if not needs.names:
        return {}
    begins = [needs.since(now, one.moments) for one in subjects]
    known = [begin for begin in begins if begin is not None]
    since = min(known) if len(known) == len(begins) and known else None
    origins = sorted({origin for members in family.values() for origin in members})
    logs: dict[UUID, list[tuple[datetime, str, dict[str, Any]]]] = {}
    names = sorted(needs.names)
    for origin, ts, name, properties in await happened(
        tx, origins, names, since, properties=needs.properties
    ):
        logs.setdefault(origin, []).append((ts, name, properties))
    return logs


async def _open_carts(tx: Tx, subjects: Sequence[Subject], needs: Needs) -> set[str]:
    if not needs.carts:
        return set()
    wanted = {cart for cart in needs.carts if cart != THIS}
    if THIS in needs.carts:
        wanted |= {one.cart for one in subjects if one.cart is not None}
    ids: list[UUID] = []
    for cart in sorted(wanted):
        try:
            ids.append(UUID(cart))
        except ValueError:  # no cart has such an id, so none is open
            continue
    return {str(cart_id) for cart_id in await carts.still_open(tx, ids)}
