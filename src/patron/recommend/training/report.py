"""What a training found out: parameters, what each source is worth, how good each placement is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from patron.recommend.measure import Measured
from patron.recommend.shelf import Attempt
from patron.recommend.types import Fitted


class SourceReport(msgspec.Struct, frozen=True):
    """A source on the days held back: its `score` (NDCG at 10) beside that of plain popularity.

    `used` is false where it did no better; `why` says so in words.
    """

    name: str
    used: bool
    why: str
    params: dict[str, Any]
    tried: list[Attempt]
    exhausted: bool
    score: float | None
    bar: float | None
    questions: int
    seconds: float


class Gain(msgspec.Struct, frozen=True):
    """How much NDCG at 10 something has more than something else on the same questions, with its
    95 % interval."""

    value: float
    low: float
    high: float


class BlendReport(msgspec.Struct, frozen=True):
    """Whether strategies share the first link of a placement's chain; `why` says so in words.

    The figures are of the later part of the days held back (`questions` of them): of the `chain`
    as it stands, of the best of all that was `tried` on the earlier part by places alone (`ranks`,
    with this `link`, `constant` and `weights`), and of `trees` that learned there, over all that
    may share the link. `way` is None where nothing is used.
    """

    used: bool
    why: str
    questions: int
    link: Sequence[str] = []
    way: str | None = None
    constant: float | None = None
    weights: list[float] = []
    tried: int = 0
    chain: Measured | None = None
    ranks: Measured | None = None
    ranks_gain: Gain | None = None
    trees: Measured | None = None
    trees_gain: Gain | None = None
    trees_why: str = ""


class PlacementReport(msgspec.Struct, frozen=True):
    """A placement on the days held back, asked as its page would have asked, strategy after
    strategy. `shown_share` is the part of the catalog that was in any answer, `blend` what came of
    letting strategies share a link, None where the placement allows none."""

    placement: str
    measured: Measured
    shown_share: float
    best_sellers: Measured
    blend: BlendReport | None = None


class Counted(msgspec.Struct, frozen=True):
    """The last time models were counted, with a training or without: up to which `position` of the
    log, from how many `deeds`, of which `new` ones had come since; how long it took, and how much
    of that a processor worked."""

    at: datetime
    position: int
    deeds: int
    new: int
    seconds: float
    processor_seconds: float
    trained: bool = False


class Report(msgspec.Struct, frozen=True):
    """What was counted from, and what came of it. `held_back_from` is the first second of the days
    held back. `counted` is the latest counting, which may be younger than the training."""

    made_at: datetime
    position: int
    people: int
    products: int
    interactions: int
    orders: int
    held_back_from: int | None
    seconds: float
    sources: list[SourceReport]
    placements: list[PlacementReport] = []
    counted: Counted | None = None

    def summary(self) -> Fitted:
        """What a line of the log says of it."""
        used = [source.name for source in self.sources if source.used]
        return Fitted(self.orders, self.products, self.interactions, used)
