"""How people can be reached: the words about their addresses, and what is suppressed."""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from patron.kit.db import Tx, tuples
from patron.profiles.consent import CHANNEL_KIND, Said, choose, grounds
from patron.profiles.types import (
    ConsentState,
    Identifier,
    Reach,
    Suppression,
    SuppressionReason,
)
from patron.shops.types import ShopSettings

Way = tuple[str, str]
"""A channel and a purpose."""

Who = TypeVar("Who")
PLAIN = ShopSettings()
"""A shop that has set nothing about consent."""


async def reached(
    tx: Tx,
    held: Mapping[Who, Sequence[Identifier]],
    ways: Collection[Way],
    settings: ShopSettings = PLAIN,
) -> dict[Who, dict[Way, Reach]]:
    """How each can be reached each way who holds these identifiers. Two queries, however many."""
    kinds = {CHANNEL_KIND.get(channel) for channel, _ in ways}
    keys = sorted({n.value for names in held.values() for n in names if n.kind in kinds})
    said = await _said(tx, keys, ways) if keys else {}
    stopped: dict[tuple[str, str], list[Suppression]] = {}
    if keys:
        for stop in await suppressions_of(tx, keys, {channel for channel, _ in ways}):
            stopped.setdefault((stop.channel, stop.address_key), []).append(stop)
    found: dict[Who, dict[Way, Reach]] = {}
    for who, names in held.items():
        found[who] = {}
        for channel, purpose in ways:
            fitting = sorted(
                (name for name in names if name.kind == CHANNEL_KIND.get(channel)),
                key=lambda name: name.value,
            )
            found[who][channel, purpose] = choose(
                fitting,
                {n.value: said.get((n.value, channel, purpose), []) for n in fitting},
                [stop for n in fitting for stop in stopped.get((channel, n.value), ())],
                grounds(settings, channel, purpose),
            )
    return found


async def _said(
    tx: Tx, keys: Sequence[str], ways: Collection[Way]
) -> dict[tuple[str, str, str], list[Said]]:
    said: dict[tuple[str, str, str], list[Said]] = {}
    for key, channel, purpose, state, *rest in await tuples(
        tx,
        "SELECT address_key, channel, purpose, state, at, confirmed, country, categories"
        " FROM consent c WHERE address_key = ANY(%s)"
        " AND (channel, purpose) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
        " AND NOT (state = 'customer' AND EXISTS (SELECT FROM v_order o"
        " WHERE o.order_id = c.order_id AND (o.cancelled OR (o.revenue > 0 AND o.net <= 0))))",
        (list(keys), [channel for channel, _ in ways], [purpose for _, purpose in ways]),
    ):
        word = Said(key, ConsentState(state), *rest)
        said.setdefault((key, channel, purpose), []).append(word)
    return said


async def sold_in(tx: Tx, order_ids: Collection[str]) -> list[str]:
    """The addresses that were given in these sales."""
    found = await tuples(
        tx, "SELECT DISTINCT address_key FROM consent WHERE order_id = ANY(%s)", (list(order_ids),)
    )
    return [key for (key,) in found]


async def suppressions_of(
    tx: Tx, keys: Sequence[str], channels: Collection[str]
) -> list[Suppression]:
    """Everything that stops these channels for these normalised addresses."""
    found = await tuples(
        tx,
        "SELECT channel, address_key, reason, at, source FROM suppression"
        " WHERE address_key = ANY(%s) AND channel = ANY(%s)",
        (list(keys), sorted(channels)),
    )
    return [Suppression(f[0], f[1], SuppressionReason(f[2]), f[3], f[4]) for f in found]
