"""Events as short as the stories they tell, and a small book of people kept in memory."""

import itertools
from collections import Counter
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from patron.events.types import Event, EventType, Source, Trust
from patron.profiles.batch.state import (
    Origin,
    State,
    Tie,
    pack_totals,
    read_traits,
    unpack_totals,
    write_traits,
)
from patron.profiles.claims import Reader, Rules, aliased, rules_of
from patron.profiles.resolve import Resolver
from patron.profiles.traits import joined, plain
from patron.profiles.types import Merge, Person, Refusal, Refused
from patron.shops.types import ShopSettings

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NAMES = {
    EventType.TRACK: "Product Viewed",
    EventType.IDENTIFY: "Identified",
    EventType.ALIAS: "Aliased",
    EventType.GROUP: "Grouped",
    EventType.PAGE: "Page Viewed",
}
_numbers = itertools.count(1)


def seen(
    user: str | None = None, browser: str | None = None, *, minutes: float = 0, **more: Any
) -> Event:
    """An event of `user` in `browser`, `minutes` after noon; a track unless `type` is given."""
    kind = more.pop("type", EventType.TRACK)
    ts = more.pop("ts", NOON + timedelta(minutes=minutes))
    return Event(
        type=kind,
        name=more.pop("name", NAMES[kind]),
        ts=ts,
        received_at=more.pop("received_at", ts),
        message_id=more.pop("message_id", f"m{next(_numbers)}"),
        user_id=user,
        anonymous_id=browser,
        **more,
    )


def identified(
    user: str | None = None, browser: str | None = None, *, minutes: float = 0, **more: Any
) -> Event:
    """An identify call; what is no field of an event is a trait."""
    fields = {k: more.pop(k) for k in list(more) if k in Event.__struct_fields__}
    traits = fields.pop("traits", {}) | more
    return seen(user, browser, minutes=minutes, type=EventType.IDENTIFY, traits=traits, **fields)


def alias(previous: str, user: str, trust: Trust = Trust.SERVER, minutes: float = 0) -> Event:
    return seen(
        user, previous_id=previous, type=EventType.ALIAS, trust=trust, minutes=minutes,
        source=Source.SERVER if trust is Trust.SERVER else Source.BROWSER,
    )  # fmt: skip


class Book:
    """People in plain dicts, loaded and saved batch by batch as the database does it."""

    def __init__(self, settings: ShopSettings | None = None) -> None:
        self.rules: Rules = rules_of(settings or ShopSettings())
        self.origins: dict[UUID, Origin] = {}
        self.ties: dict[tuple[str, str], Tie] = {}
        self.merged: list[Merge] = []
        self.refused: list[Refused] = []
        self.events: list[Event] = []
        self._ids = itertools.count(1)

    def walk(self, *events: Event) -> "Book":
        """One batch."""
        batch = list(events)
        reader = Reader(self.rules)
        claims = [reader.claimed(event) for event in batch]
        wanted = {(c.kind, c.value) for theirs in claims for c in theirs}
        wanted |= {(c.kind, c.value) for event in batch for c in aliased(event, self.rules)}
        state = self._load(wanted)
        resolver = Resolver(state, self.rules, NOON, lambda: UUID(int=next(self._ids)))
        resolver.fold(batch, claims)
        added = [(tie.kind, tie.value) for tie in state.added]
        assert len(set(added)) == len(added)
        assert not set(added) & set(self.ties)
        self.origins.update(state.origins)
        self.ties.update(state.ties)
        self.merged += state.merged
        self.refused += state.refused.values()
        self.events += batch
        return self

    def _load(self, wanted: set[tuple[str, str]]) -> State:
        state = State()
        held = (self.ties[name] for name in wanted if name in self.ties)
        roots = {self.origins[tie.origin_id].root_id for tie in held}
        for origin in sorted(self.origins.values(), key=lambda o: o.id.int):
            if origin.root_id in roots:
                state.load_origin(packed(origin))
        for tie in self.ties.values():
            if self.origins[tie.origin_id].root_id in roots:
                state.load_tie(tie)
        return state

    def people(self) -> set[frozenset[str]]:
        """Each person as the set of her identifiers and events."""
        found: dict[UUID, set[str]] = {}
        for tie in self.ties.values():
            root = self.origins[tie.origin_id].root_id
            found.setdefault(root, set()).add(f"{tie.kind}:{tie.value}")
        for event in self.events:
            root = self.origins[event.origin_id].root_id
            found.setdefault(root, set()).add(event.message_id)
        return {frozenset(person) for person in found.values()}

    def known(self) -> set[frozenset[object]]:
        """What is known of each person: totals, traits, first and last seen."""
        found: dict[UUID, list[Origin]] = {}
        for origin in self.origins.values():
            found.setdefault(origin.root_id, []).append(packed(origin))
        result: set[frozenset[object]] = set()
        for origins in found.values():
            traits = plain(joined(read_traits(o._written) for o in origins))
            counts: dict[str, int] = {}
            for origin in origins:
                for name, total in unpack_totals(origin._packed).items():
                    counts[name] = counts.get(name, 0) + total.count
            facts: dict[str, object] = {
                "traits": repr(sorted(traits.items())),
                "counts": repr(sorted(counts.items())),
                "first": min(o.first_seen for o in origins),
                "last": max(o.last_seen for o in origins),
            }
            result.add(frozenset(facts.items()))
        return result

    def together(self, *names: str) -> bool:
        """Whether all `names` (`kind:value`) belong to one person."""
        roots = {
            self.origins[self.ties[kind, value].origin_id].root_id
            for kind, _, value in (name.partition(":") for name in names)
        }
        return len(roots) == 1


def packed(origin: Origin) -> Origin:
    """`origin` as it comes back from where it is kept."""
    totals = origin._packed if origin.totals is None else pack_totals(origin.totals)
    traits = origin._written if origin.traits is None else write_traits(origin.traits).decode()
    return Origin(
        origin.id, origin.root_id, origin.known, (origin.first_seen, origin.last_seen), totals,
        traits,
    )  # fmt: skip


def a_person(found: Person | None) -> Person:
    assert found is not None
    return found


def copies(history: list[Event]) -> list[Event]:
    return [copy(event) for event in history]


def in_batches(history: list[Event], sizes: list[int], own: ShopSettings | None = None) -> Book:
    book, left, turn = Book(own), copies(history), 0
    while left:
        size = sizes[turn % len(sizes)]
        book.walk(*left[:size])
        left, turn = left[size:], turn + 1
    return book


def reasons_counted(book: Book) -> Counter[Refusal]:
    found: Counter[Refusal] = Counter()
    for refused in book.refused:
        found[refused.reason] += refused.count
    return found
