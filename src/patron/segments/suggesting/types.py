"""What is measured of people to find those who are alike, and what is found."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Longs = NDArray[np.int64]

YEAR, SEASON = 365, 90
"""Days that orders are looked at, and days that visits are."""
FEWEST_ALIKE = 100
"""People that looking for likeness needs."""
FEWEST_FANS = 25


class Trait(msgspec.Struct, frozen=True):
    """How a group stands out in one thing: its mean, and that of all it was compared with."""

    what: str
    theirs: float
    all: float
    unit: str


class Suggestion(msgspec.Struct, frozen=True):
    """About so many `people`. `rule` describes them as nearly as the language can: `hits` is the
    share of those it holds for who are meant, `reach` the share of those meant that it holds for.
    All three are null when no rule describes them well enough."""

    key: str
    kind: str
    name: str
    description: str
    rule: dict[str, Any] | None
    people: int
    hits: float | None
    reach: float | None
    traits: list[Trait]


class Column(msgspec.Struct):
    """One thing measured of everybody: NaN where it is not known of her. `scaled` is what likeness
    is judged by, `ask` the condition of a rule about it, without what it compares with. `share`
    is, of a category, how much of what she does is of it, from 0 to 1."""

    name: str
    values: Floats
    scaled: Floats
    ask: dict[str, Any] | None = None
    unit: str = ""
    digits: int = 0
    share: Floats | None = None


class Crowd(msgspec.Struct):
    """People of one sort, measured: what each column says of each. `base` is the rule that all of
    them pass."""

    sort: str
    base: dict[str, Any]
    columns: list[Column]

    def __len__(self) -> int:
        return len(self.columns[0].values) if self.columns else 0
