"""The room's step of the walk: records of what happened, and who enters and leaves by it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import numpy as np

from patron.carts.types import CartChange
from patron.events.log.orders import order_id, spoken_of
from patron.events.reading.allowed import refuses_marketing
from patron.events.types import Event
from patron.kit.db import Tx
from patron.profiles.changes import store as changed
from patron.profiles.types import People
from patron.segments import store
from patron.segments.keeping import Asked, Left, Touch, keep
from patron.segments.last import store as last
from patron.segments.last.reading import EXPERIMENT, OF_VARIANTS, words
from patron.segments.liking.reading import weights_of
from patron.segments.live.book import Book
from patron.segments.live.listening import NOTHING, Happened
from patron.segments.live.opened import book_of
from patron.segments.live.opened import forget as close_book
from patron.segments.members.types import Change
from patron.segments.rules.dates import micros
from patron.shops.types import METRICS, Shop


async def update(
    tx: Tx,
    shop: Shop,
    events: Sequence[Event],
    people: People,
    cart_changes: Sequence[CartChange],
    now: datetime,
) -> list[Change]:
    """Bring the memberships of the people of a batch of recorded events up to date.

    Only what something touched is asked: a segment whose rule speaks of an event that happened, of
    what became known, of an order or a cart. Who is new is asked everything.
    """
    said = await _last_words(tx, shop, events)
    book = await book_of(tx, shop)
    if not book.listens or not (events or people.merged or cart_changes):
        return []
    roots = _roots(events, people, cart_changes)
    place = {root: n for n, root in enumerate(roots)}
    whys = [_why(event) for event in events]
    asked = Asked.of(roots, book, Touch.NONE, _newest(whys))
    seen = _Seen(asked, place, people)
    left = Left([], NOTHING)
    for why in (Touch.BACKFILL, Touch.EVENT):
        if some := [event for event, its in zip(events, whys, strict=True) if its is why]:
            theirs = _left(book, some)
            seen.left(book, theirs, why)
            left = left.joined(theirs)
    for why, told in _told(events, whys, people).items():
        seen.touch(told, book.told, why)
    if book.from_log:
        asked.briefly = True
        _told_to_the_log(shop, book, events, whys, seen)
    if book.of_orders:
        await _orders(tx, shop, book, events, seen, now)
    for event, subject in said:
        asking = book.of_shown if subject.startswith(EXPERIMENT) else book.of_places
        seen.touch([event.origin_id], asking, _why(event))
    seen.touch([change.origin_id for change in cart_changes], book.of_carts, asked.new)
    merged = [merge.winner for merge in people.merged]
    seen.touch(merged, range(len(book.entries)), Touch.MERGE)
    return await keep(tx, shop, book, asked, left, now)


def _told_to_the_log(
    shop: Shop, book: Book, events: Sequence[Event], whys: Sequence[Touch], seen: "_Seen"
) -> None:
    """Who did something that rules read out of her log."""
    asking = {name: list(entries) for name, entries in book.of_names.items()}
    for name in weights_of(shop.settings.metrics) if book.of_liking else ():
        asking[name] = [*asking.get(name, ()), *book.of_liking]
    doers: dict[tuple[str, Touch], list[UUID]] = {}
    for event, why in zip(events, whys, strict=True):
        if event.name in asking:
            doers.setdefault((event.name, why), []).append(event.origin_id)
    for (name, why), theirs in doers.items():
        seen.touch(theirs, asking[name], why)


async def _orders(
    tx: Tx, shop: Shop, book: Book, events: Sequence[Event], seen: "_Seen", now: datetime
) -> None:
    """Whoever's orders were spoken of; she need not be who spoke."""
    names = spoken_of(shop.settings.metrics)
    spoken = [event for event in events if event.name in names]
    for why in (Touch.BACKFILL, Touch.EVENT):
        theirs = [event.origin_id for event in spoken if _why(event) is why]
        seen.touch(theirs, book.of_orders, why)
    if spoken:
        owners = await store.owners(tx, sorted({order_id(event) for event in spoken}))
        newest = changed.Why(max(_why(event) for event in spoken))
        await changed.note(tx, [one for one in owners if not seen.knows(one)], now, newest)


async def _last_words(tx: Tx, shop: Shop, events: Sequence[Event]) -> list[tuple[Event, str]]:
    """Keep what events say of where somebody is and of variants; which event said what of it."""
    order = shop.settings.metrics.get("revenue", METRICS["revenue"])
    speaking = {order, *OF_VARIANTS}
    said, kept = [], []
    for event in events:
        if event.name not in speaking and "location" not in event.context:
            continue
        for subject, told in words(event, order):
            said.append((event, subject))
            kept.append(last.word(event.origin_id, subject, event.ts, told))
    await last.write(tx, kept)
    return said


class _Seen:
    """Notes why who is to be asked."""

    def __init__(self, asked: Asked, place: dict[UUID, int], people: People) -> None:
        self._asked, self._place, self._people = asked, place, people

    def knows(self, origin: UUID) -> bool:
        return self._people.roots.get(origin, origin) in self._place

    def touch(self, origins: Sequence[UUID], entries: Sequence[int], why: Touch) -> None:
        if not origins or not entries:
            return
        roots, place = self._people.roots, self._place
        rows = sorted({place[roots.get(one, one)] for one in origins})
        part = np.ix_(rows, list(entries))
        touches = self._asked.touches
        touches[part] = np.maximum(touches[part], int(why))

    def left(self, book: Book, left: Left, why: Touch) -> None:
        """Whoever left records of a stream is asked whatever asks for the stream."""
        roots = [self._place[self._people.roots.get(one, one)] for one in left.origins]
        place = np.array(roots, np.int64)
        touches, records = self._asked.touches, left.records
        for stream in np.unique(records.stream).tolist():
            if entries := book.of_stream.get(stream):
                rows = np.unique(place[records.who[records.stream == stream]])
                part = np.ix_(rows, np.array(entries))
                touches[part] = np.maximum(touches[part], int(why))


def forget(shop: Shop) -> None:
    """Drop what is remembered of a shop: its transaction was rolled back."""
    close_book(shop)


def _roots(events: Sequence[Event], people: People, changes: Sequence[CartChange]) -> list[UUID]:
    origins = {event.origin_id for event in events} | {change.origin_id for change in changes}
    origins |= {merge.winner for merge in people.merged}
    return sorted({people.roots.get(origin, origin) for origin in origins})


def _why(event: Event) -> Touch:
    """Neither history starts anything, nor what she allowed no advertising to follow from."""
    silent = event.backfill or refuses_marketing(event.context)
    return Touch.BACKFILL if silent else Touch.EVENT


def _newest(whys: Sequence[Touch]) -> Touch:
    """Of a batch that is history all through, nothing starts anything."""
    return max(whys, default=Touch.EVENT)


def _told(
    events: Sequence[Event], whys: Sequence[Touch], people: People
) -> dict[Touch, list[UUID]]:
    """Who is new or told something of herself, by the reason to ask about her."""
    found: dict[Touch, list[UUID]] = {}
    for event, why in zip(events, whys, strict=True):
        root = people.roots.get(event.origin_id, event.origin_id)
        if root in people.told:
            found.setdefault(why, []).append(root)
    return found


def _left(book: Book, events: Sequence[Event]) -> Left:
    """The records that events leave."""
    origins: dict[UUID, int] = {}
    who = np.array([origins.setdefault(one.origin_id, len(origins)) for one in events], np.int64)
    listener = book.listener
    table = Happened(
        [event.name for event in events],
        who,
        np.array([micros(event.ts) for event in events], np.int64),
        np.array([event.position for event in events], np.int64),
        [event.properties for event in events],
        {kind: [getattr(event, kind) for event in events] for kind in listener.kinds},
        listener.asking,
    )
    return Left(list(origins), listener.records(table))
