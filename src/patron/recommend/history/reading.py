"""Reads a shop's past: what was kept when it was read last, and what the lake has had since.

People, products and erasures are as they are at this moment, so whatever is merged, parted, renamed
or deleted makes nothing stale that is kept; and the same deeds make the same past, whether they
were read at once or bit by bit.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.kit.lake import Lake
from patron.kit.log import logger
from patron.recommend.history import lines
from patron.recommend.history.belonging import Segments, belonging
from patron.recommend.history.deeds import MICROS, Deeds, Ids, pairs, united, whole
from patron.recommend.history.kept import DamagedPastError, Kept, Manifest
from patron.recommend.history.lines import Names
from patron.recommend.history.orders import Tellings, bought
from patron.recommend.history.portions import Placed, portions
from patron.recommend.history.shaping import Shaping
from patron.recommend.popular.types import Groups
from patron.recommend.types import Interactions

log = logger(__name__)

SINCE = timedelta(days=730)
MOST_ROWS = 60_000_000
"""The latest views and carts that count; each takes 25 bytes once they are in order."""
DAY = 86_400
VALUES_AT_ONCE = 20_000
ALL = 2**62

Find = Callable[[Sequence[str]], Awaitable[dict[str, str]]]
"""The ids of products by any of their names, for the names that the catalog knows."""


class Told(msgspec.Struct, frozen=True):
    """What the database knows and the lake does not. `items` are the ids of all products, `roots`
    the root of each origin that is not its own, `gone` who was erased and may still be there,
    `countries` that of each root of whom it is known, `segments` who is in each, `epoch` that of
    the log."""

    items: list[str]
    roots: dict[bytes, bytes]
    gone: set[bytes]
    names: Names
    countries: dict[bytes, str] = {}
    segments: Segments = {}
    epoch: str = ""


class Past(msgspec.Struct, frozen=True):
    """A shop's past up to a position of its log. `homes` are the countries in which enough people
    live to be a group of their own, and the segments in which enough are. `news` deeds were read
    for it, everything else was kept."""

    interactions: Interactions
    items: list[str]
    position: int
    homes: Groups | None = None
    news: int = 0


async def past(lake: Lake, kept: Kept, told: Told, find: Find, now: datetime) -> Past:
    """All that counts of the last two years, as far as the lake holds it. What is read is kept for
    the next time; `kept` is held by the caller, and `told` was read after that."""
    since = max(0, lines.second(now - SINCE))
    parts, position, news = brought(lake, kept, told, since)
    seen, who = await interactions(parts, told, find, since)
    deeds = np.bincount(seen.person, minlength=seen.people)
    groups = belonging(who, deeds, told.countries, told.segments, told.roots)
    return Past(seen, told.items, position, groups, news)


def brought(lake: Lake, kept: Kept, told: Told, since: int) -> tuple[list[Deeds], int, int]:
    """Keep what the lake has had since: all that is kept then, up to which position, and how many
    deeds were new. What does not fit the lake any more, or was damaged, is read anew."""
    known = lake.position(told.epoch) if told.epoch else None
    if known is None:  # as just after a restore: all counts, but nobody knows up to where
        told = msgspec.structs.replace(told, epoch="")
    upto = ALL if known is None else known
    there = kept.manifest()
    why = "nothing was kept" if there is None else _unfit(there, told, upto)
    if there is not None and why is None:
        try:
            return _added(lake, kept, there, told, (upto, since))
        except DamagedPastError as error:
            why = str(error)
    kept.clear()
    tell = log.info if there is None or not there.epoch else log.warning
    tell("past is read anew", extra={"folder": str(kept.path), "why": why})
    empty = Manifest(epoch=told.epoch, names=list(told.names))
    return _added(lake, kept, empty, told, (upto, since))


def _unfit(there: Manifest, told: Told, upto: int) -> str | None:
    """Why what is kept cannot be used."""
    if not told.epoch or there.epoch != told.epoch or there.position > upto:
        return "it was kept of another log, as before a restore"
    if there.names != list(told.names):
        return "the shop calls its events otherwise now"
    return None


def _added(
    lake: Lake, kept: Kept, there: Manifest, told: Told, bounds: tuple[int, int]
) -> tuple[list[Deeds], int, int]:
    """The same, up to the position and from the second in `bounds`."""
    upto, since = bounds
    manifest, news = there, 0
    if upto > there.position:
        span = lines.Span(there.position, upto, since)
        for deeds in lines.read(lake, told.names, span, told.gone):
            news += len(deeds)
            manifest = kept.add(manifest, deeds, since)
        # Only now it counts: a reader that is killed before leaves what was there.
        manifest = kept.put(msgspec.structs.replace(manifest, position=upto))
    parts = kept.trim(manifest, since)
    return parts, upto if told.epoch else 0, news


async def interactions(
    parts: Sequence[Deeds], told: Told, find: Find, since: int
) -> tuple[Interactions, NDArray[np.bytes_]]:
    """What counts, and the root of each person in it."""
    numbers = await _items(parts, told, find)
    ids, places, root = _roots(parts, told)
    since = _bounded(parts, since)
    placed = [Placed(*each) for each in zip(parts, places, numbers, strict=True)]
    orders = bought([_tellings(each, root, since) for each in placed])
    shaping = Shaping(sum(len(part.who) for part in parts) + len(orders), len(told.items))
    for rows in portions(placed, orders, root, since):
        shaping.add(rows, root)
    seen, people = shaping.done()
    return seen, whole(ids[people])


def _tellings(of: Placed, root: NDArray[np.int64], since: int) -> Tellings:
    """Of orders from the second `since` on, by whoever is still there."""
    part = of.deeds
    told = (root[of.place] >= 0)[part.buyer] & (part.ordered_at >= since * MICROS)
    lines = np.repeat(told, np.maximum(part.lines, 0))
    return Tellings(
        part.key[told],
        part.position[told],
        part.ordered_at[told],
        of.place[part.buyer[told]],
        part.lines[told],
        of.number[part.bought[lines]],
    )


def _roots(
    parts: Sequence[Deeds], told: Told
) -> tuple[Ids, list[NDArray[np.int64]], NDArray[np.int64]]:
    """All ids there are, where in them the origins of each part stand, and for each id the place of
    its person, negative for who was erased."""
    moved, roots, gone = pairs(told.roots), pairs(told.roots.values()), pairs(told.gone)
    ids, places = united([moved, roots, gone, *(part.origins for part in parts)])
    root = np.arange(len(ids))
    root[places[0]] = places[1]
    root[places[2]] = -1
    return ids, places[3:], root


async def _items(parts: Sequence[Deeds], told: Told, find: Find) -> list[NDArray[np.int32]]:
    """For each part the numbers of products by what they were called; -1 for what is not sold."""
    number: dict[str, int] = {id: place for place, id in enumerate(told.items)}
    strange = sorted({name for part in parts for name in part.names if name not in number} - {""})
    for begin in range(0, len(strange), VALUES_AT_ONCE):
        some = strange[begin : begin + VALUES_AT_ONCE]
        found = await find(some)
        number |= {name: number[found[name]] for name in some if found.get(name) in number}
    return [np.array([number.get(name, -1) for name in part.names], np.int32) for part in parts]


def _bounded(parts: Sequence[Deeds], since: int) -> int:
    """From when on deeds are counted, so that there are at most `MOST_ROWS` views and carts: whole
    days, the latest."""
    if sum(len(part.who) for part in parts) <= MOST_ROWS:
        return since
    days = np.zeros(1, np.int64)
    for part in parts:
        more = np.bincount(part.at // DAY, minlength=len(days))
        more[: len(days)] += days
        days = more
    latest = np.cumsum(days[::-1])
    fitting = int(np.searchsorted(latest, MOST_ROWS, "right"))
    return max(since, (len(days) - fitting) * DAY)
