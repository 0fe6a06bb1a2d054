"""Conditions about experiments: which variant she was shown, and journeys that leave her out."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from patron.segments.last.reading import OURS
from patron.segments.last.types import LastShown, Shown
from patron.segments.rules.operators import folded
from patron.segments.rules.reading import a_list, a_text, an_object, yes_or_no
from patron.segments.types import Answer, Facts, Needs, Scope

MIXED = "mixed"
"""What is told of whoever turned out to be one with somebody who was shown something else."""
HOLDOUT = "holdout"
_MOST = 20


class _Told(msgspec.Struct, frozen=True):
    """What waiting does not change."""

    @property
    def recurs(self) -> bool:
        return False

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        yield from ()

    def needs(self) -> Needs:
        return Needs(shown=True)

    def weight(self) -> int:
        return 1


class InVariant(_Told, frozen=True):
    """Whether the last variant of an experiment that she was shown is one of `variants` (None: any
    of them). Experiment and variants by id or by name, whatever the letter case."""

    experiment: str
    variants: frozenset[str] | None
    wanted: bool

    def holds(self, facts: Facts, now: datetime) -> bool:
        return self._is_in(variant(facts.shown, self.experiment)) == self.wanted

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        found = variant(facts.shown, self.experiment)
        said = f"was shown “{_called(found)}” of the experiment “{self.experiment}”"
        if found is None:
            said = f"was shown nothing of the experiment “{self.experiment}”"
        elif found == MIXED:
            said = f"was shown mixed variants of the experiment “{self.experiment}”"
        return Answer(self._is_in(found) == self.wanted, [said])

    def _is_in(self, found: Shown | str | None) -> bool:
        if found is None or self.variants is None:
            return found is not None
        if isinstance(found, str):
            return found in self.variants
        names = {folded(name) for name in (found.variant, found.variant_name) if name}
        return bool(names & self.variants)


class HeldOut(_Told, frozen=True):
    """Whether a journey counts her among those it writes nothing to."""

    journey: str
    wanted: bool

    def holds(self, facts: Facts, now: datetime) -> bool:
        return self._is(variant(facts.shown, OURS + self.journey)) == self.wanted

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        found = variant(facts.shown, OURS + self.journey)
        said = "is not held out of"
        if found is None:
            said = "never came so far that she could be held out of"
        elif found == MIXED:
            said = "is mixed, held out under one name and not under another, in"
        elif self._is(found):
            said = "is held out of"
        return Answer(self._is(found) == self.wanted, [f"{said} the journey “{self.journey}”"])

    def _is(self, found: Shown | str | None) -> bool:
        return isinstance(found, Shown) and found.variant == HOLDOUT


def variant(shown: Sequence[Sequence[LastShown]], experiment: str) -> Shown | str | None:
    """The last variant of an experiment that was shown; `MIXED` where her origins tell of different
    ones, None where none does."""
    wanted = folded(experiment)
    found = []
    for words in shown:
        theirs = [one for one in words if wanted in _names(one.shown)]
        if theirs:
            found.append(
                max(theirs, key=lambda one: (one.at, msgspec.json.encode(one.shown))).shown
            )
    if not found:
        return None
    return MIXED if len({folded(one.variant) for one in found}) > 1 else found[0]


def _names(shown: Shown) -> set[str]:
    return {folded(name) for name in (shown.experiment, shown.experiment_name) if name}


def _called(found: Shown | str | None) -> str:
    return (found.variant_name or found.variant) if isinstance(found, Shown) else str(found)


def read_experiment(data: Mapping[str, Any], path: str, scope: Scope) -> InVariant:
    an_object(data, path, ["experiment", "variant", "is"])
    variants = None
    if "variant" in data:
        given = data["variant"]
        if isinstance(given, str):
            variants = frozenset([folded(a_text(given, f"{path}.variant"))])
        else:
            some = a_list(given, f"{path}.variant", 1, _MOST)
            variants = frozenset(
                folded(a_text(one, f"{path}.variant[{n}]")) for n, one in enumerate(some)
            )
    experiment = a_text(data["experiment"], f"{path}.experiment")
    return InVariant(experiment, variants, yes_or_no(data.get("is", True), f"{path}.is"))


def read_held_out(data: Mapping[str, Any], path: str, scope: Scope) -> HeldOut:
    an_object(data, path, ["held_out", "is"])
    journey = a_text(data["held_out"], f"{path}.held_out")
    return HeldOut(journey, yes_or_no(data.get("is", True), f"{path}.is"))
