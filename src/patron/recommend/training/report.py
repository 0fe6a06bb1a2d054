"""What a training found out: parameters, what each source is worth, how good each placement is."""

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


class PlacementReport(msgspec.Struct, frozen=True):
    """A placement on the days held back, asked as its page would have asked. `shown_share` is the
    part of the catalog that was in any answer."""

    placement: str
    measured: Measured
    shown_share: float
    best_sellers: Measured


class Report(msgspec.Struct, frozen=True):
    """What was counted from, and what came of it. `held_back_from` is the first second of the days
    held back."""

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

    def summary(self) -> Fitted:
        """What a line of the log says of it."""
        used = [source.name for source in self.sources if source.used]
        return Fitted(self.orders, self.products, self.interactions, used)
