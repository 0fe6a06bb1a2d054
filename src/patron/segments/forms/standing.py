"""Conditions about where she stands among all who ordered, by the published table."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from patron.segments.population.types import FEWEST, GROUPS, RANKED, SCORES, Population
from patron.segments.rules import words
from patron.segments.rules.operators import AMOUNTS
from patron.segments.rules.reading import Misread, a_list, an_amount, an_object, one_of
from patron.segments.types import Answer, Facts, Needs, Scope

GROUP = "group"
FIGURES = (*SCORES, GROUP)


class Scored(msgspec.Struct, frozen=True):
    """A score of 1 to 5, 5 for the fifth of all buyers with the most of it."""

    figure: str
    op: str
    value: Any
    recurs: bool = False

    def holds(self, facts: Facts, now: datetime) -> bool:
        found = self._found(facts)
        return found is not None and bool(self.judged(found))

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        found = self._found(facts)
        if found is None:
            return Answer(False, [_unscored(facts)])
        value = self.holds(facts, now)
        said = f"scores {found} of 5 for {words.SCORES[self.figure]}"
        return Answer(value, [said if value else f"{said}, but asked was: {self._wanted()}"])

    def judged(self, found: Any) -> Any:
        """Whether a figure passes, or which of an array do."""
        return AMOUNTS[self.op](found, self.value)

    def _found(self, facts: Facts) -> int | None:
        scores = facts.population and facts.population.scores(facts.orders)
        return getattr(scores, self.figure) if scores else None

    def _wanted(self) -> str:
        return words.compared(self.op, self.value)

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        yield from ()  # waiting changes nothing: what is compared is when she last ordered

    def needs(self) -> Needs:
        return Needs(orders=True, population=True)

    def weight(self) -> int:
        return 1


class Grouped(msgspec.Struct, frozen=True):
    """The group that her scores make."""

    groups: frozenset[str]
    recurs: bool = False

    def holds(self, facts: Facts, now: datetime) -> bool:
        population = facts.population
        return population is not None and population.group(facts.orders) in self.groups

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        population = facts.population
        group = None if population is None else population.group(facts.orders)
        if population is None or group is None:
            return Answer(False, [_unscored(facts)])
        scores = population.scores(facts.orders)
        said = f"stands among {words.GROUPS[group]}"
        if scores is not None:
            said += (
                f" (recency {scores.recency}, frequency {scores.frequency}, money {scores.money})"
            )
        return Answer(group in self.groups, [said])

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        yield from ()

    def needs(self) -> Needs:
        return Needs(orders=True, population=True)

    def weight(self) -> int:
        return 1


class Ranked(msgspec.Struct, frozen=True):
    """What percentage of all who ordered have less than she."""

    figure: str
    op: str
    value: Any
    recurs: bool = False

    def holds(self, facts: Facts, now: datetime) -> bool:
        found = self._found(facts)
        return found is not None and bool(self.judged(found))

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        found = self._found(facts)
        if found is None:
            return Answer(False, [_unranked(facts)])
        value = self.holds(facts, now)
        said = f"{words.FIGURES[self.figure]} is more than that of {found}% of all who ordered"
        wanted = words.compared(self.op, self.value)
        return Answer(value, [said if value else f"{said}, but asked was: {wanted}"])

    def judged(self, found: Any) -> Any:
        """Whether a figure passes, or which of an array do."""
        return AMOUNTS[self.op](found, self.value)

    def _found(self, facts: Facts) -> int | None:
        population = facts.population
        return None if population is None else population.percentile(self.figure, facts.orders)

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        yield from ()

    def needs(self) -> Needs:
        return Needs(orders=True, population=True)

    def weight(self) -> int:
        return 1


def _unscored(facts: Facts) -> str:
    population = facts.population
    if population is None or population.scored < FEWEST:
        return _too_few(population, 0 if population is None else population.scored)
    if facts.orders:
        return f"did not order since {words.moment(population.since, facts.zone)}, so has no score"
    return "has no order that stands, so has no score"


def _unranked(facts: Facts) -> str:
    population = facts.population
    if population is None or population.buyers < FEWEST:
        return _too_few(population, 0 if population is None else population.buyers)
    return "has no order that stands, so stands nowhere among those who ordered"


def _too_few(population: Population | None, there: int) -> str:
    if population is None:
        return "nobody is compared with others yet: that is done every night"
    return f"nobody is compared with others before {FEWEST} people have ordered, which {there} have"


def read_rfm(data: Mapping[str, Any], path: str, scope: Scope) -> Scored | Grouped:
    figure = one_of(data["rfm"], f"{path}.rfm", FIGURES, "score")
    if figure == GROUP:
        an_object(data, path, ["rfm", "is"])
        return Grouped(_read_groups(data.get("is"), f"{path}.is"))
    an_object(data, path, ["rfm", "op", "value"])
    return Scored(figure, *_within(data, path, 1, 5))


def read_percentile(data: Mapping[str, Any], path: str, scope: Scope) -> Ranked:
    an_object(data, path, ["percentile", "op", "value"])
    figure = one_of(data["percentile"], f"{path}.percentile", RANKED, "figure that is ranked")
    return Ranked(figure, *_within(data, path, 0, 100))


def _read_groups(data: Any, path: str) -> frozenset[str]:
    if isinstance(data, str):
        return frozenset([one_of(data, path, GROUPS, "group")])
    some = a_list(data, path, 1, len(GROUPS))
    return frozenset(
        one_of(one, f"{path}[{index}]", GROUPS, "group") for index, one in enumerate(some)
    )


def _within(data: Mapping[str, Any], path: str, low: int, high: int) -> tuple[str, Any]:
    op, value = an_amount(data, path)
    for one in value if isinstance(value, list) else [value]:
        if not low <= one <= high:
            allowed = [f"a number from {low} to {high}"]
            raise Misread(f"{path}.value", data["value"], allowed, "nothing can compare so")
    return op, value
