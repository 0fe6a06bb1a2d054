"""Rules made ready to be answered for many people at once, from streams and facts."""

from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from patron.segments.forms.computed import Computed
from patron.segments.forms.event import Event
from patron.segments.forms.liked import Liked
from patron.segments.forms.member import InSegment
from patron.segments.forms.sequence import Sequence_
from patron.segments.forms.touch import Touched
from patron.segments.live.columns import Bools, Column, Columns
from patron.segments.live.kernels import (
    NEVER,
    Answered,
    Asking,
    answer_asked,
    answer_event,
    answer_sequence,
    answer_touch,
    named,
)
from patron.segments.live.streams import (
    Kept,
    NotLive,
    Stream,
    of_deed,
    of_event,
    of_touch,
)
from patron.segments.rules.language import All, Any_, Not, Rule, leaves
from patron.segments.types import Facts, Leaf, Needs, together


class Chunk(msgspec.Struct):
    """People to be asked about: their columns, by number their facts (None: not loaded), and who
    is in which segment, by its key."""

    columns: Columns
    facts: Sequence[Facts | None]
    inside: Mapping[str, Bools] = {}

    @property
    def count(self) -> int:
        return self.columns.count


Kernel = Callable[[Chunk, Asking, Mapping[str, int]], Answered]


class Program(msgspec.Struct, frozen=True):
    """A rule made ready. `streams` by key, with what is needed of each; `needs` what else must be
    known of a person, whose facts are then given."""

    rule: Rule
    streams: dict[str, tuple[Stream, Kept]]
    needs: Needs
    asks: bool
    kernels: dict[int, Kernel]

    @property
    def from_streams(self) -> set[int]:
        """The conditions that streams alone answer, by their ids."""
        found = (Event, Computed, Sequence_, Touched)
        return {id(leaf) for leaf in leaves(self.rule) if isinstance(leaf, found)}

    def answer(self, chunk: Chunk, asking: Asking, numbers: Mapping[str, int]) -> Answered:
        """Whether it holds for each person of a chunk, and when that may change; `numbers` says
        which stream of the chunk a key is."""
        return _combined(self.rule, self.kernels, chunk, asking, numbers)

    def bounds(
        self, chunk: Chunk, asking: Asking, numbers: Mapping[str, int]
    ) -> tuple[Bools, Bools]:
        """For whom it holds whatever else is known of them, and for whom it may hold: what asks for
        more than streams is left open."""
        return _bounded(self.rule, self.kernels, chunk, asking, numbers)


def made_ready(rule: Rule, zone: ZoneInfo) -> Program:
    """Raises NotLive, saying what in the rule cannot be answered from records."""
    streams: dict[str, tuple[Stream, Kept]] = {}
    kernels: dict[int, Kernel] = {}
    asked: list[Leaf] = []
    for leaf in leaves(rule):
        if isinstance(leaf, Event):
            kernels[id(leaf)] = _of_event(leaf, _known(streams, *of_event(leaf, zone)))
        elif isinstance(leaf, Liked):
            raise NotLive("what somebody likes, which is worked out of all she did")
        elif isinstance(leaf, Computed):
            same = leaf.same()
            if same is None:
                raise NotLive(f"the computed trait {leaf.key}, which is no number and no time")
            event, opposite = same
            kernel = _of_event(event, _known(streams, *of_event(event, zone)))
            kernels[id(leaf)] = _opposite(kernel) if opposite else kernel
        elif isinstance(leaf, Sequence_):
            keys = {
                named(deed): _known(streams, *of_deed(deed, leaf.window, zone))
                for deed in leaf.deeds()
            }
            kernels[id(leaf)] = _of_sequence(leaf, keys)
        elif isinstance(leaf, Touched):
            kernels[id(leaf)] = _of_touch(leaf, _known(streams, *of_touch(leaf, zone)))
        elif isinstance(leaf, InSegment):
            kernels[id(leaf)] = _of_members(leaf)
            asked.append(leaf)
        else:
            kernels[id(leaf)] = _of_facts(leaf)
            asked.append(leaf)
    needs = together(leaf.needs() for leaf in asked)
    asks = any(not isinstance(leaf, InSegment) for leaf in asked)
    return Program(rule, streams, needs, asks, kernels)


def _known(streams: dict[str, tuple[Stream, Kept]], stream: Stream, kept: Kept) -> str:
    before = streams.get(stream.key)
    streams[stream.key] = (stream, kept if before is None else before[1].joined(kept))
    return stream.key


def _of_event(leaf: Event, key: str) -> Kernel:
    return lambda chunk, asking, numbers: answer_event(leaf, chunk.columns.of(numbers[key]), asking)


def _opposite(kernel: Kernel) -> Kernel:
    def answer(chunk: Chunk, asking: Asking, numbers: Mapping[str, int]) -> Answered:
        held, changes = kernel(chunk, asking, numbers)
        return ~held, changes

    return answer


def _of_sequence(leaf: Sequence_, keys: Mapping[str, str]) -> Kernel:
    def answer(chunk: Chunk, asking: Asking, numbers: Mapping[str, int]) -> Answered:
        columns: dict[str, Column] = {
            name: chunk.columns.of(numbers[key]) for name, key in keys.items()
        }
        return answer_sequence(leaf, columns, asking)

    return answer


def _of_touch(leaf: Touched, key: str) -> Kernel:
    return lambda chunk, asking, numbers: answer_touch(leaf, chunk.columns.of(numbers[key]), asking)


def _of_facts(leaf: Leaf) -> Kernel:
    return lambda chunk, asking, numbers: answer_asked(leaf, chunk.facts, asking)


def _of_members(leaf: InSegment) -> Kernel:
    def answer(chunk: Chunk, asking: Asking, numbers: Mapping[str, int]) -> Answered:
        held = chunk.inside.get(leaf.key, np.zeros(chunk.count, np.bool_))
        return held == leaf.wanted, np.full(chunk.count, NEVER)

    return answer


def _combined(
    rule: Rule,
    kernels: Mapping[int, Kernel],
    chunk: Chunk,
    asking: Asking,
    numbers: Mapping[str, int],
) -> Answered:
    if isinstance(rule, Not):
        held, changes = _combined(rule.rule, kernels, chunk, asking, numbers)
        return ~held, changes
    if not isinstance(rule, All | Any_):
        return kernels[id(rule)](chunk, asking, numbers)
    every = isinstance(rule, All)
    held = np.full(chunk.count, every)
    changes = np.full(chunk.count, NEVER)
    for one in rule.rules:
        theirs, soon = _combined(one, kernels, chunk, asking, numbers)
        held = held & theirs if every else held | theirs
        np.minimum(changes, soon, out=changes)
    return held, changes


def _bounded(
    rule: Rule,
    kernels: Mapping[int, Kernel],
    chunk: Chunk,
    asking: Asking,
    numbers: Mapping[str, int],
) -> tuple[Bools, Bools]:
    if isinstance(rule, Not):
        least, most = _bounded(rule.rule, kernels, chunk, asking, numbers)
        return ~most, ~least
    if isinstance(rule, Event | Computed | Sequence_ | Touched):
        held, _ = kernels[id(rule)](chunk, asking, numbers)
        return held, held
    if not isinstance(rule, All | Any_):
        return np.zeros(chunk.count, np.bool_), np.ones(chunk.count, np.bool_)
    every = isinstance(rule, All)
    least = np.full(chunk.count, every)
    most = least.copy()
    for one in rule.rules:
        low, high = _bounded(one, kernels, chunk, asking, numbers)
        least = least & low if every else least | low
        most = most & high if every else most | high
    return least, most
