"""The book of live segments: their rules made ready together, and what touches which of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec

from patron.kit.log import logger
from patron.segments.forms.trait import Cart
from patron.segments.live.listening import Listener
from patron.segments.live.program import Program, made_ready
from patron.segments.live.streams import Kept
from patron.segments.rules.language import leaves, needs, parse
from patron.segments.rules.reading import Misread
from patron.segments.saved.types import KeptStream, Segment, Status

log = logger(__name__)

AT_ONCE, READ_AT_ONCE = 500, 50


class Entry(msgspec.Struct, frozen=True):
    """A segment that is asked. `settling`: who enters or leaves does so because the rule is new.
    `asks`: whether facts must be loaded for it, `above` those that its rule names, theirs too."""

    id: int
    key: str
    program: Program
    settling: bool
    above: frozenset[int]


class Book:
    """Everything the walk needs to know of a shop's segments, at one version of them.

    `entries` stand behind those that they ask for. Lists of numbers are indexes into `entries`.
    """

    def __init__(
        self,
        version: int,
        segments: Sequence[Segment],
        streams: Sequence[KeptStream],
        zone: ZoneInfo,
    ) -> None:
        self.version = version
        self.zone = zone
        programs = programs_of(segments, zone)
        specs = {key: stream for p in programs.values() for key, (stream, _) in p.streams.items()}
        self.kept = {one.id: needed_of(one) for one in streams if one.key in specs}
        self.listener = Listener((one.id, specs[one.key]) for one in streams if one.key in specs)
        # Of several of a key the newest that is filled answers; an older one only holds less.
        self.numbers = {one.key: one.id for one in streams if one.filled and one.key in specs}
        self.entries = _entries(segments, programs, self.numbers)
        asked = {entry.key for entry in self.entries}
        wanted = {key for entry in self.entries for key in entry.program.needs.segments}
        self.elsewhere = sorted(wanted - asked)
        self._index()

    @property
    def at_once(self) -> int:
        """How many people are asked together: few, where their logs have to be read for it."""
        return READ_AT_ONCE if self.from_log else AT_ONCE

    @property
    def listens(self) -> bool:
        """Whether anything is to be done at all."""
        return bool(self.kept or self.entries)

    def _index(self) -> None:
        self.of_stream: dict[int, list[int]] = {}
        self.told: list[int] = []
        self.of_orders: list[int] = []
        self.of_carts: list[int] = []
        self.of_places: list[int] = []
        self.of_shown: list[int] = []
        self.of_names: dict[str, list[int]] = {}
        self.of_liking: list[int] = []
        self.from_log: list[int] = []
        self.below: dict[int, list[int]] = {}
        for number, entry in enumerate(self.entries):
            for key in entry.program.streams:
                self.of_stream.setdefault(self.numbers[key], []).append(number)
            asked = list(leaves(entry.program.rule))
            if any(leaf.needs().orders or leaf.needs().liking for leaf in asked):
                self.of_orders.append(number)
            self._index_log(number, entry.program)
            if any(isinstance(leaf, Cart) for leaf in asked):
                self.of_carts.append(number)
            wanted = needs(entry.program.rule)
            if wanted.places:
                self.of_places.append(number)
            if wanted.shown:
                self.of_shown.append(number)
            if wanted.traits or wanted.reach or wanted.lists:
                self.told.append(number)
            for above in entry.above:
                self.below.setdefault(above, []).append(number)

    def _index_log(self, number: int, program: Program) -> None:
        """Which events an entry is asked after whose rule takes reading her log."""
        if program.from_log:
            self.from_log.append(number)
        names = {name for leaf in program.from_log for name in leaf.needs().names}
        for name in names:
            self.of_names.setdefault(name, []).append(number)
        if any(leaf.needs().liking for leaf in program.from_log):
            self.of_liking.append(number)


def programs_of(segments: Iterable[Segment], zone: ZoneInfo) -> dict[str, Program]:
    """The rules made ready, by key. One that an older Patron accepted and this one does not
    stands still and is told about, and stops nobody else's."""
    programs = {}
    for one in segments:
        try:
            programs[one.key] = made_ready(parse(one.rule), zone)
        except Misread as error:
            log.error("segment cannot be kept", extra={"key": one.key, "reason": str(error)})
    return programs


def needed_of(stream: KeptStream) -> Kept:
    """How much of a stream is kept."""
    back = None if stream.back is None else timedelta(microseconds=stream.back)
    return Kept(stream.newest, stream.oldest, back)


def _entries(
    segments: Iterable[Segment], programs: Mapping[str, Program], numbers: Mapping[str, int]
) -> list[Entry]:
    """Those that are asked by the walk, each behind those it asks for. Not before history is read
    for all that its rule asks."""
    asked = {
        one.key: one
        for one in segments
        if one.key in programs
        and one.status in (Status.SETTLING, Status.ON)
        and all(key in numbers for key in programs[one.key].streams)
    }
    placed: dict[str, int] = {}
    under_way: set[str] = set()
    entries: list[Entry] = []

    def place(key: str) -> None:
        if key in placed or key not in asked or key in under_way:
            return
        under_way.add(key)  # a circle is refused when it is saved; one met all the same ends here
        names = sorted(programs[key].needs.segments)
        for name in names:
            place(name)
        above = {placed[name] for name in names if name in placed}
        above |= {far for near in above for far in entries[near].above}
        placed[key] = len(entries)
        one = asked[key]
        settling = one.status == Status.SETTLING
        entries.append(Entry(one.id, key, programs[key], settling, frozenset(above)))

    for key in sorted(asked):
        place(key)
    return entries
