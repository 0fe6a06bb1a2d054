"""The people of a batch in memory: what was loaded, what the fold changed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from patron.events.types import Event, Trust
from patron.profiles.claims import is_strong
from patron.profiles.traits import Traits, written
from patron.profiles.types import Claim, ConsentWord, Merge, Refusal, Refused, TraitValue

DAY = timedelta(days=1)
MAX_NAMES = 500
MAX_NAME = 200
OTHER = "(other)"
"""Names beyond the first 500 of an origin, and longer ones, are counted together under this."""


class Tally(msgspec.Struct, array_like=True):
    """How often an event happened to an origin, as it is packed; event times."""

    count: int
    first: datetime
    last: datetime


Totals = dict[str, Tally]
unpack_totals = msgspec.msgpack.Decoder(Totals).decode
pack_totals = msgspec.msgpack.Encoder().encode
read_traits = msgspec.json.Decoder(dict[str, TraitValue]).decode
write_traits = msgspec.json.Encoder().encode


class Tie:
    """An identifier as the fold handles it."""

    __slots__ = (
        "address", "changed", "first_seen", "kind", "last_seen", "origin_id", "trust", "until",
        "value",
    )  # fmt: skip

    def __init__(
        self,
        kind: str,
        value: str,
        origin_id: UUID,
        address: str | None,
        trust: int,
        first_seen: datetime,
        last_seen: datetime,
    ) -> None:
        self.kind = kind
        self.value = value
        self.origin_id = origin_id
        self.address = address
        self.trust = trust
        self.first_seen = first_seen
        self.last_seen = last_seen
        self.until = _end_of_day(last_seen)
        self.changed = False


class Origin:
    """What is kept under one origin; totals and traits are unpacked when an event touches them."""

    __slots__ = (
        "_packed", "_written", "first_seen", "id", "known", "last_seen", "new", "root_id", "totals",
        "touched", "traits", "traits_changed",
    )  # fmt: skip

    def __init__(
        self,
        id: UUID,
        root_id: UUID,
        known: bool,
        seen: tuple[datetime, datetime],
        packed: bytes,
        written: str,
    ) -> None:
        self.id = id
        self.root_id = root_id
        self.known = known
        self.first_seen, self.last_seen = seen
        self.totals: Totals | None = None
        self.traits: Traits | None = None
        self.touched = False  # something of it must be written back
        self.traits_changed = False
        self.new = False
        self._packed = packed
        self._written = written

    def count(self, name: str, ts: datetime, shows_her: bool) -> None:
        """One more event of this name at `ts`; whether it shows that she was there."""
        totals = self.totals
        if totals is None:
            totals = self.totals = unpack_totals(self._packed)
            self.touched = True
        total = totals.get(name)
        if total is None:
            if len(totals) >= MAX_NAMES or len(name) > MAX_NAME:
                name = OTHER
            total = totals.get(name)
        if total is None:
            totals[name] = Tally(1, ts, ts)
        else:
            total.count += 1
            if ts > total.last:
                total.last = ts
            elif ts < total.first:
                total.first = ts
        if not shows_her:
            return
        if ts > self.last_seen:
            self.last_seen = ts
        elif ts < self.first_seen:
            self.first_seen = ts

    def write_traits(self, new: dict[str, Any], at: datetime, trust: int) -> None:
        if self.traits is None:
            self.traits = read_traits(self._written)
        if written(self.traits, new, at, trust):
            self.traits_changed = True


class Root:
    """A person in the fold: her origins and identifiers by kind."""

    __slots__ = ("held", "id", "known", "origins", "size")

    def __init__(self, id: UUID) -> None:
        self.id = id
        self.known = False
        self.size = 0
        self.origins: list[UUID] = []
        self.held: dict[str, list[Tie]] = {}

    def hold(self, tie: Tie) -> None:
        self.held.setdefault(tie.kind, []).append(tie)
        self.size += 1
        self.known = self.known or is_strong(tie.kind, tie.trust)


class Grave(msgspec.Struct, frozen=True):
    """An identifier of an erased person; `suppressed` holds (channel, reason, at)."""

    erased_at: datetime
    suppressed: list[tuple[str, str, datetime]]


class State:
    """Everything the fold may read, and what it changed."""

    def __init__(self) -> None:
        self.origins: dict[UUID, Origin] = {}
        self.roots: dict[UUID, Root] = {}
        self.ties: dict[tuple[str, str], Tie] = {}
        self.graves: dict[tuple[str, str], Grave] = {}
        self.parted: dict[UUID, set[UUID]] = {}
        self.added: list[Tie] = []
        self.merged: list[Merge] = []
        self.refused: dict[tuple[UUID, str, str, Refusal], Refused] = {}
        self.words: list[ConsentWord] = []
        self.sales: list[Event] = []  # whose words name an address that was given in a sale
        self.suppressed: list[tuple[str, str, str, datetime]] = []

    def root_of(self, origin_id: UUID) -> Root:
        return self.roots[self.origins[origin_id].root_id]

    def ties_of(self, claims: Sequence[Claim]) -> list[Tie] | None:
        """The identifiers of `claims`, when all exist and belong to one person; else None."""
        found = [self.ties.get((claim.kind, claim.value)) for claim in claims]
        ties = [tie for tie in found if tie is not None]
        if not ties or len(ties) < len(found):
            return None
        first = self.origins[ties[0].origin_id].root_id
        for tie in ties[1:]:
            if self.origins[tie.origin_id].root_id != first:
                return None
        return ties

    def load_origin(self, origin: Origin) -> None:
        self.origins[origin.id] = origin
        root = self.roots.get(origin.root_id)
        if root is None:
            root = self.roots[origin.root_id] = Root(origin.root_id)
        root.origins.append(origin.id)

    def load_tie(self, tie: Tie) -> None:
        self.ties[tie.kind, tie.value] = tie
        self.root_of(tie.origin_id).hold(tie)

    def part(self, one: UUID, other: UUID) -> None:
        """A merge of these two was undone: only an alias may join them again."""
        self.parted.setdefault(one, set()).add(other)
        self.parted.setdefault(other, set()).add(one)

    def are_parted(self, one: Root, other: Root) -> bool:
        parted = self.parted
        return bool(parted) and any(
            not parted[origin].isdisjoint(other.origins)
            for origin in one.origins
            if origin in parted
        )

    def add_origin(self, id: UUID, ts: datetime) -> Origin:
        origin = Origin(id, id, False, (ts, ts), b"\x80", "{}")
        origin.new = True
        origin.touched = True
        self.load_origin(origin)
        return origin

    def attach(self, claim: Claim, origin_id: UUID, ts: datetime, trust: int) -> Tie:
        tie = Tie(claim.kind, claim.value, origin_id, claim.address, trust, ts, ts)
        self.load_tie(tie)
        self.added.append(tie)
        self._tell(tie)
        return tie

    def see(self, tie: Tie, ts: datetime, trust: int) -> None:
        """An event with this identifier: trust rises; the days it was seen on are kept."""
        if trust > tie.trust:
            tie.trust = trust
            tie.changed = True
            self.root_of(tie.origin_id).known |= is_strong(tie.kind, trust)
            self._tell(tie)
        # To the day only: otherwise every batch would rewrite every identifier it meets.
        if ts > tie.until:
            tie.last_seen = ts
            tie.until = _end_of_day(ts)
            tie.changed = True
        elif ts < tie.first_seen:
            tie.first_seen = ts
            tie.changed = True

    def _tell(self, tie: Tie) -> None:
        origin = self.origins[tie.origin_id]
        if not origin.known and is_strong(tie.kind, tie.trust):
            origin.known = True
            origin.touched = True

    def move_out(self, tie: Tie, id: UUID, ts: datetime, to: UUID | None = None) -> None:
        """Give an identifier to the origin `to`, else one, and so a person, of its own (`id`)."""
        loser, old = self.origins[tie.origin_id], self.root_of(tie.origin_id)
        old.held[tie.kind].remove(tie)
        old.size -= 1
        left = [t for held in old.held.values() for t in held if is_strong(t.kind, t.trust)]
        old.known = bool(left)
        if loser.known and all(t.origin_id != loser.id for t in left):
            loser.known = False
            loser.touched = True
        origin = self.add_origin(id, ts) if to is None else self.origins[to]
        tie.origin_id = origin.id
        tie.changed = True
        self.root_of(origin.id).hold(tie)
        self._tell(tie)

    def merge(
        self, winner: Root, loser: Root, id: UUID, reason: str, event: Event, now: datetime
    ) -> None:
        moved = list(loser.origins)
        for origin_id in moved:
            self.origins[origin_id].root_id = winner.id
        winner.origins += moved
        for kind, ties in loser.held.items():
            winner.held.setdefault(kind, []).extend(ties)
        winner.size += loser.size
        winner.known = winner.known or loser.known
        del self.roots[loser.id]
        self.merged.append(
            Merge(id, winner.id, loser.id, moved, reason, event.message_id, event.ts, now)
        )

    def refuse(self, root_id: UUID, claim: Claim, reason: Refusal, ts: datetime) -> None:
        key = (root_id, claim.kind, claim.value, reason)
        before = self.refused.get(key)
        first, last, count = (ts, ts, 1)
        if before is not None:
            first, last = min(ts, before.first_at), max(ts, before.last_at)
            count = before.count + 1
        self.refused[key] = Refused(root_id, claim.kind, claim.value, reason, first, last, count)


def _end_of_day(ts: datetime) -> datetime:
    return ts.replace(hour=23, minute=59, second=59, microsecond=999_999)


def is_verified(trust: int) -> bool:
    """An address counts as verified once anything but a public key has said it."""
    return trust > Trust.PUBLIC
