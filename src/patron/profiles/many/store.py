"""Traits and reach of many people. A person is given by any id and all her origins."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from patron.kit.db import Tx, tuples
from patron.profiles.batch.state import read_traits
from patron.profiles.consent import CHANNEL_KIND, Said, choose
from patron.profiles.store import best, identifiers
from patron.profiles.traits import Traits, joined, plain
from patron.profiles.types import (
    ConsentState,
    Identifier,
    Reach,
    Suppression,
    SuppressionReason,
)

People = Mapping[UUID, Sequence[UUID]]
Way = tuple[str, str]
"""A channel and a purpose."""


async def traits(tx: Tx, people: People) -> dict[UUID, dict[str, Any]]:
    """The plain traits of each person, `email` and `phone` among them, as `store.person` has
    them."""
    every = _origins(people)
    written: dict[UUID, Traits] = {
        origin: read_traits(text)
        for origin, text in await tuples(
            tx, "SELECT id, traits::text FROM origin WHERE id = ANY(%s)", (every,)
        )
    }
    held = _by_origin(await identifiers(tx, every))
    found = {}
    for person, origins in people.items():
        told = plain(joined(written[origin] for origin in origins if origin in written))
        names = [name for origin in origins for name in held.get(origin, ())]
        for kind in ("email", "phone"):
            if one := best(names, kind):
                told[kind] = one.address or one.value
        found[person] = told
    return found


async def reach(tx: Tx, people: People, ways: Collection[Way]) -> dict[UUID, dict[Way, Reach]]:
    """How each person can be reached each way, as `store.reach` says."""
    kinds = {CHANNEL_KIND[channel] for channel, _ in ways if channel in CHANNEL_KIND}
    names = [name for name in await identifiers(tx, _origins(people)) if name.kind in kinds]
    held = _by_origin(names)
    keys = sorted({name.value for name in names})
    said = await _said(tx, keys, ways)
    stopped = await _stopped(tx, keys, {channel for channel, _ in ways})
    found: dict[UUID, dict[Way, Reach]] = {}
    for person, origins in people.items():
        own = [name for origin in origins for name in held.get(origin, ())]
        found[person] = {}
        for channel, purpose in ways:
            fitting = sorted(
                (name for name in own if name.kind == CHANNEL_KIND.get(channel)),
                key=lambda name: name.value,
            )
            found[person][channel, purpose] = choose(
                fitting,
                {n.value: said.get((n.value, channel, purpose), []) for n in fitting},
                [stop for n in fitting for stop in stopped.get((n.value, channel), ())],
            )
    return found


async def _said(
    tx: Tx, keys: Sequence[str], ways: Collection[Way]
) -> dict[tuple[str, str, str], list[Said]]:
    said: dict[tuple[str, str, str], list[Said]] = {}
    for key, channel, purpose, state, at in await tuples(
        tx,
        "SELECT address_key, channel, purpose, state, at FROM consent WHERE address_key = ANY(%s)"
        " AND (channel, purpose) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
        (keys, [channel for channel, _ in ways], [purpose for _, purpose in ways]),
    ):
        word = Said(key, ConsentState(state), at)
        said.setdefault((key, channel, purpose), []).append(word)
    return said


async def _stopped(
    tx: Tx, keys: Sequence[str], channels: Iterable[str]
) -> dict[tuple[str, str], list[Suppression]]:
    stopped: dict[tuple[str, str], list[Suppression]] = {}
    for channel, key, reason, at, source in await tuples(
        tx,
        "SELECT channel, address_key, reason, at, source FROM suppression"
        " WHERE address_key = ANY(%s) AND channel = ANY(%s)",
        (keys, list(channels)),
    ):
        stop = Suppression(channel, key, SuppressionReason(reason), at, source)
        stopped.setdefault((key, channel), []).append(stop)
    return stopped


def _origins(people: People) -> list[UUID]:
    return sorted({origin for origins in people.values() for origin in origins})


def _by_origin(names: Iterable[Identifier]) -> dict[UUID, list[Identifier]]:
    held: dict[UUID, list[Identifier]] = {}
    for name in names:
        held.setdefault(name.origin_id, []).append(name)
    return held
