"""Facts about a person written down by hand."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from conftest import NOON
from patron.profiles.types import Reach
from patron.segments.last.types import LastShown, Place
from patron.segments.liking.reading import Liking, weights_of
from patron.segments.population.types import Population
from patron.segments.predictions.types import Foretold
from patron.segments.types import Order, Touch

NOW = NOON + timedelta(hours=5)
START = NOW - timedelta(hours=1)
ANNA = UUID("01890000-0000-7000-8000-000000000001")
NOBODY = Reach(None, None, False, "none", None)


class Known(msgspec.Struct, frozen=True):
    """`log` holds (minutes before NOW, name, properties)."""

    traits: dict[str, Any] = {}
    log: list[tuple[float, str, dict[str, Any]]] = []
    moments: dict[str, datetime] = msgspec.field(default_factory=lambda: {"start": START})
    open_carts: frozenset[str] = frozenset()
    zone: tzinfo = ZoneInfo("America/New_York")
    currency: str = "USD"
    orders: list[Order] = []
    ways: dict[tuple[str, str], Reach] = {}
    touched: dict[str, list[Touch]] = {}
    person: UUID = ANNA
    lists: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    population: Population | None = None
    placed: list[Place] = []
    shown: list[list[LastShown]] = []
    predicted: dict[str, Foretold] = {}
    goods: list[tuple[float, str, dict[str, Any]]] = []

    @property
    def liking(self) -> Liking:
        """`goods` are what she did with products, as the log has it."""
        deeds = [(name, NOW - timedelta(minutes=ago), told) for ago, name, told in self.goods]
        return Liking(deeds, weights_of({}), {}, NOW, self.currency)

    def events(
        self, names: Collection[str], since: datetime | None
    ) -> Sequence[tuple[datetime, Mapping[str, Any]]]:
        found = [(NOW - timedelta(minutes=ago), name, told) for ago, name, told in self.log]
        return [
            (ts, told)
            for ts, name, told in sorted(found, key=lambda row: row[0])
            if name in names and (since is None or ts >= since)
        ]

    def touches(self, kind: str) -> Sequence[Touch]:
        return self.touched.get(kind, [])

    def reach(self, channel: str, purpose: str) -> Reach:
        return self.ways.get((channel, purpose), NOBODY)

    def cart_open(self, cart: str) -> bool:
        return cart in self.open_carts
