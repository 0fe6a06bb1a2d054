"""Describes a group: in words, and as a rule of the language that holds for most of it."""

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any

import msgspec
import numpy as np

from patron.segments.suggesting.types import Bools, Column, Crowd, Floats, Trait

STANDS_OUT = 0.5
"""Of a spread: a mean that is nearer to that of all is not told."""
MOST_TOLD, MOST_ASKED = 4, 4
WORTH = 0.01
MOSTLY = 0.5
GOOD = 0.6
"""A rule whose hits or reach are less does not describe the group."""

_WORDS = {
    "orders": ("buy often", "buy seldom"),
    "average": ("spend much at a time", "spend little at a time"),
    "last": ("have not ordered for long", "ordered lately"),
    "views": ("look around a lot", "hardly look around"),
    "evening": ("in the evening", "hardly in the evening"),
    "weekend": ("at the weekend", "on working days"),
}
_TOLD = {
    "orders": "orders in the last year",
    "average": "worth of an order",
    "reduced": "orders at a reduced price",
    "last": "days since the last order",
    "views": "products looked at in 90 days",
    "evening": "done between 18 and 23 o'clock",
    "weekend": "done at the weekend",
}
_WEIGHTS = {"orders": 2.0, "reduced": 1.5, "category": 1.5}
"""What a shop owner asks for first is told first where there is much to tell."""
_ORDER = ("orders", "average", "reduced", "last", "views", "category", "evening", "weekend")


class Described(msgspec.Struct, frozen=True):
    name: str
    traits: list[Trait]


class Ruled(msgspec.Struct, frozen=True):
    """A rule, and how nearly it describes the group: its precision and recall."""

    rule: dict[str, Any]
    hits: float
    reach: float


def describe(crowd: Crowd, own: Bools) -> Described:
    """What a group does otherwise than the crowd it is part of."""
    found = []
    for column in crowd.columns:
        strength = float(column.scaled[own].mean())
        if abs(strength) >= STANDS_OUT and (said := _said(column, own, strength > 0)):
            weight = _WEIGHTS.get(column.name.partition(":")[0], 1.0)
            found.append((abs(strength) * weight, column, said))
    found = sorted(found, key=lambda one: -one[0])[:MOST_TOLD]
    found.sort(key=lambda one: _ORDER.index(one[1].name.partition(":")[0]))
    words = [said for _, _, said in found]
    if crowd.sort == "visitors":
        words = ["look and do not buy", *words]
    elif not any(word.startswith("buy") for word in words):
        words = ["buy", *words]
    name = ", ".join(dict.fromkeys(words))
    traits = [
        Trait(
            _what(column.name),
            _mean(column.values[own]),
            _mean(column.values),
            column.unit,
        )
        for _, column, _ in found
    ]
    return Described(name[0].upper() + name[1:], traits)


def _said(column: Column, own: Bools, more: bool) -> str | None:
    kind, _, category = column.name.partition(":")
    mean = _mean(column.values[own])
    if column.share is not None:
        mostly = float(column.share[own].mean()) >= MOSTLY
        return f"{'mostly' if mostly else 'often'} {category}" if more else None
    if kind == "reduced":
        if mean >= 90:
            return "only on sale"
        return "mostly on sale" if mean >= 60 else "at full price" if mean <= 10 else None
    return _WORDS[kind][0 if more else 1]


def _what(name: str) -> str:
    kind, _, category = name.partition(":")
    return f"{category}, times bought or looked at" if category else _TOLD[kind]


def _mean(values: Floats) -> float:
    """Of those of whom it is known."""
    known = values[~np.isnan(values)]
    return round(float(known.mean()), 2) if len(known) else 0.0


def rule_for(crowd: Crowd, own: Bools) -> Ruled | None:
    """The conditions that tell the group from its crowd, one by one the one that helps most, as
    long as it helps; None when they never describe it well. Helping is the harmonic mean of hits
    and reach."""
    held: Bools = np.ones(len(own), np.bool_)
    asked: list[dict[str, Any]] = []
    score = _score(held, own)
    while len(asked) < MOST_ASKED:
        best: tuple[float, Bools, dict[str, Any]] | None = None
        for column in crowd.columns:
            for holds, ask in _candidates(column, own):
                after = held & holds
                gained = _score(after, own)
                if best is None or gained > best[0]:
                    best = gained, after, ask
        if best is None or best[0] < score + WORTH:
            break
        score, held = best[0], best[1]
        asked.append(best[2])
    if not asked or not held.any():
        return None
    hits, reach = float(own[held].mean()), float(held[own].mean())
    if hits < GOOD or reach < GOOD:
        return None
    base = crowd.base.get("and", [crowd.base])
    return Ruled({"and": [*base, *asked]}, round(hits, 3), round(reach, 3))


def _score(held: Bools, own: Bools) -> float:
    both = float((held & own).sum())
    return 2 * both / (float(held.sum()) + float(own.sum()))


def _candidates(column: Column, own: Bools) -> Sequence[tuple[Bools, dict[str, Any]]]:
    """Bounds at the edges of what the group does, in round numbers."""
    if column.ask is None:
        return []
    known, theirs = column.values[~np.isnan(column.values)], column.values[own]
    theirs = theirs[~np.isnan(theirs)]
    if not len(theirs):
        return []
    edges = np.quantile(theirs, [0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98])
    least, most = float(known.min()), float(known.max())
    found = []
    for edge in edges.tolist():
        low, high = _round(edge, column.digits, floor), _round(edge, column.digits, ceil)
        if low > least:
            found.append((column.values >= low, _ask(column, "at_least", low)))
        if high < most:
            found.append((column.values <= high, _ask(column, "at_most", high)))
    return found


def _round(value: float, digits: int, to: Any) -> float:
    """To two figures, so that a rule reads well: 1,234 is 1,200 or 1,300."""
    if value <= 0:
        return 0
    step = max(10 ** (floor(log10(value)) - 1), 10.0**-digits)
    rounded = round(to(value / step + (1e-9 if to is floor else -1e-9)) * step, digits)
    return int(rounded) if rounded == int(rounded) else rounded


def _ask(column: Column, op: str, value: float) -> dict[str, Any]:
    assert column.ask is not None
    if "event" in column.ask:
        return {**column.ask, "count": {"op": op, "value": min(int(value), 1_000)}}
    return {**column.ask, "op": op, "value": value}
