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
    FromLog,
    Kept,
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
    known of a person, whose facts are then given. `from_log` are conditions on what she did that no
    bounded number of records answers: they are facts, which take reading her log."""

    rule: Rule
    streams: dict[str, tuple[Stream, Kept]]
    needs: Needs
    asks: bool
    kernels: dict[int, Kernel]
    from_log: list[Leaf]

    @property
    def from_streams(self) -> set[int]:
        """The conditions that streams alone answer, by their ids."""
        kinds = (Event, Computed, Sequence_, Touched)
        found = {id(leaf) for leaf in leaves(self.rule) if isinstance(leaf, kinds)}
        return found - {id(leaf) for leaf in self.from_log}

    def answer(self, chunk: Chunk, asking: Asking, numbers: Mapping[str, int]) -> Answered:
        """Whether it holds for each person of a chunk, and when that may change; `numbers` says
        which stream of the chunk a key is."""
        return _combined(self.rule, self.kernels, chunk, asking, numbers)


def made_ready(rule: Rule, zone: ZoneInfo) -> Program:
    """A rule with a kernel for each of its conditions."""
    from_log: list[Leaf] = []
    streams: dict[str, tuple[Stream, Kept]] = {}
    kernels: dict[int, Kernel] = {}
    asked: list[Leaf] = []
    for leaf in leaves(rule):
        try:
            kernel = _of_streams(leaf, streams, zone)
        except FromLog:
            from_log.append(leaf)
            kernel = None
        if kernel is not None:
            kernels[id(leaf)] = kernel
            continue
        kernels[id(leaf)] = _of_members(leaf) if isinstance(leaf, InSegment) else _of_facts(leaf)
        asked.append(leaf)
    needs = together(leaf.needs() for leaf in asked)
    asks = any(not isinstance(leaf, InSegment) for leaf in asked)
    return Program(rule, streams, needs, asks, kernels, from_log)


def _of_streams(
    leaf: Leaf, streams: dict[str, tuple[Stream, Kept]], zone: ZoneInfo
) -> Kernel | None:
    """What answers a condition from records; None for one that asks for no events. Raises
    FromLog."""
    if isinstance(leaf, Event):
        return _of_event(leaf, _known(streams, *of_event(leaf, zone)))
    if isinstance(leaf, Liked):
        raise FromLog
    if isinstance(leaf, Computed):
        same = leaf.same()
        if same is None:
            raise FromLog
        event, opposite = same
        kernel = _of_event(event, _known(streams, *of_event(event, zone)))
        return _opposite(kernel) if opposite else kernel
    if isinstance(leaf, Sequence_):
        found = {named(deed): of_deed(deed, leaf.window, zone) for deed in leaf.deeds()}
        keys = {name: _known(streams, *stream) for name, stream in found.items()}
        return _of_sequence(leaf, keys)
    if isinstance(leaf, Touched):
        return _of_touch(leaf, _known(streams, *of_touch(leaf, zone)))
    return None


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
