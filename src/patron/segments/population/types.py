"""Cut points, and where somebody stands by them.

Recency, frequency and money are scored from 1 to 5 by quintile (A. M. Hughes, Strategic Database
Marketing, 1994): the fifth of all buyers who ordered longest ago scores 1 for recency, and so on.
Scores go by cut points and not by ranks, so that people who are alike score alike and one person's
score can be told without the others: a value scores one more for each cut point that it exceeds, so
who ties with a cut point gets the lower score. Where most people ordered once, most score 1 for
frequency. Money is what orders are worth after refunds.

The scores go by the orders of the two years before a table was made and of the time since. Recency
is compared as the moment of the last order and not as days since: how recent she is among others
does not change by waiting, only by what she or others do. So no score changes by the clock alone.

The six groups part all who ever ordered, by recency R, frequency F and money M:

    R 4–5  F + M ≥ 8: champions   6–7: loyal   less: recent
    R 3    F + M ≥ 6: loyal                    less: needs attention
    R 1–2  F + M ≥ 6: at risk                  less: inactive

and who ordered before the two years only is inactive too.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from patron.segments.rules.dates import micros

if TYPE_CHECKING:
    from patron.segments.types import Order

PERIOD = timedelta(days=730)
FEWEST = 25
"""Buyers that scores need: five to each fifth. With fewer, nobody has a score or a percentile."""
SCORES = ("recency", "frequency", "money")
RANKED = ("value", "average", "number")
MEASURES = (*SCORES, *RANKED)
GROUPS = ("champions", "loyal", "recent", "needs_attention", "at_risk", "inactive")


class Cuts(msgspec.Struct, frozen=True):
    """The hundredths of `compared` people: cut point k is the least value that at least k percent
    of them do not exceed."""

    compared: int
    points: tuple[int, ...]

    def below(self, value: int) -> int:
        """The percentage of people whose value is certainly less: 0 to 99."""
        return bisect_left(self.points, value)

    def score(self, value: int) -> int:
        """1 to 5."""
        return 1 + bisect_left(self.points[19:80:20], value)


class Scores(msgspec.Struct, frozen=True):
    recency: int
    frequency: int
    money: int

    @property
    def group(self) -> str:
        both = self.frequency + self.money
        if self.recency >= 4:
            return "champions" if both >= 8 else "loyal" if both >= 6 else "recent"
        if self.recency == 3:
            return "loyal" if both >= 6 else "needs_attention"
        return "at_risk" if both >= 6 else "inactive"


class Population(msgspec.Struct, frozen=True):
    """One version of the table. Money is in minor units of `currency`."""

    version: int
    made_at: datetime
    since: datetime
    currency: str
    cuts: dict[str, Cuts]

    @property
    def buyers(self) -> int:
        """How many people have an order that stands."""
        return self.cuts["number"].compared

    @property
    def scored(self) -> int:
        """How many of them ordered in the period."""
        return self.cuts["recency"].compared

    def scores(self, orders: "Sequence[Order]") -> Scores | None:
        """None where too few are compared, or none of `orders` counts."""
        counted = [one for one in orders if one.ts >= self.since]
        if self.scored < FEWEST or not counted:
            return None
        money = sum(one.net for one in counted if one.currency == self.currency)
        return Scores(
            self.cuts["recency"].score(micros(counted[-1].ts)),
            self.cuts["frequency"].score(len(counted)),
            self.cuts["money"].score(money),
        )

    def group(self, orders: "Sequence[Order]") -> str | None:
        if self.scored < FEWEST or not orders:
            return None
        scores = self.scores(orders)
        return "inactive" if scores is None else scores.group

    def percentile(self, measure: str, orders: "Sequence[Order]") -> int | None:
        """What percentage of all who have `measure` have less of it than she: 0 to 99, from the
        orders of all time. An average is compared in whole minor units, rounded down."""
        cuts = self.cuts[measure]
        own = [one.net for one in orders if one.currency == self.currency]
        if cuts.compared < FEWEST or not (orders if measure == "number" else own):
            return None
        found = {"number": len(orders), "value": sum(own)}.get(measure)
        return cuts.below(sum(own) // len(own) if found is None else found)
