"""What a rule may ask about one person, and how it answers."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, Protocol
from uuid import UUID

import msgspec

from patron.profiles.types import Reach
from patron.segments.last.types import LastShown, Place
from patron.segments.liking.reading import Liking
from patron.segments.population.types import Population
from patron.segments.predictions.types import Foretold

MOST_WHYS = 100


class Order(msgspec.Struct, frozen=True):
    """An order that stands: neither cancelled nor refunded in whole. `net` is what is left of it
    after refunds, in minor units of `currency`; `reduced` whether it was bought at a reduced price,
    None where the log does not tell."""

    ts: datetime
    net: int
    currency: str
    reduced: bool | None = None


class Touch(msgspec.Struct, frozen=True):
    """A channel that brought her, or a device she used: first and last event by it."""

    value: str
    first: datetime
    last: datetime


class Facts(Protocol):
    """What is known about one person. `person` is her oldest origin; `moments` by name are the
    asker's; `zone` and `currency` are the shop's."""

    @property
    def person(self) -> UUID: ...

    @property
    def traits(self) -> Mapping[str, Any]: ...

    @property
    def moments(self) -> Mapping[str, datetime]: ...

    @property
    def zone(self) -> tzinfo: ...

    @property
    def currency(self) -> str: ...

    @property
    def orders(self) -> Sequence[Order]:
        """Oldest first."""

    def events(
        self, names: Collection[str], since: datetime | None
    ) -> Sequence[tuple[datetime, Mapping[str, Any]]]:
        """Time and properties of her events of these names at or after `since`, oldest first."""

    def touches(self, kind: str) -> Sequence[Touch]:
        """By "channel" or by "device"."""

    def reach(self, channel: str, purpose: str) -> Reach: ...

    def cart_open(self, cart: str) -> bool: ...

    @property
    def lists(self) -> Collection[str]:
        """Keys of the lists she is on, of those that were asked for."""

    @property
    def segments(self) -> Collection[str]:
        """Keys of the saved segments she is in, of those that were asked for."""

    @property
    def tags(self) -> Collection[str]:
        """As they were written."""

    @property
    def population(self) -> Population | None:
        """The published table of where people stand; None before the first."""

    @property
    def predicted(self) -> Mapping[str, Foretold]:
        """What the versions that count predict of her, by name, of those that were asked for."""

    @property
    def liking(self) -> Liking:
        """What she did with products, where a rule asks what she likes."""

    @property
    def placed(self) -> Sequence[Place]:
        """Where her last order went and where her last visit came from, as far as known."""

    @property
    def shown(self) -> Sequence[Sequence[LastShown]]:
        """The last word about each experiment, origin by origin."""


class Answer(msgspec.Struct, frozen=True):
    """`why`: the facts that decided, each a clause about the person; at most a hundred."""

    value: bool
    why: list[str]


class Scope(msgspec.Struct, frozen=True):
    """What a rule may refer to besides the person: named moments, and a cart as "this". `lists` and
    `segments` are the keys of those there are, `computed` the definitions of computed traits by
    key, `predictions` the kinds of predictions by name; None: not looked at, because the rule was
    accepted before."""

    moments: frozenset[str] = frozenset()
    cart: bool = False
    lists: frozenset[str] | None = None
    segments: frozenset[str] | None = None
    computed: Mapping[str, Any] | None = None
    predictions: Mapping[str, str] | None = None


class Lookback(msgspec.Struct, frozen=True):
    """How far back something must be known: `back` from now, to `date`, to the earliest of the
    named `moments`; `ever` for all history. Nothing at all is asked where none is set."""

    back: timedelta | None = None
    date: datetime | None = None
    moments: frozenset[str] = frozenset()
    ever: bool = False

    def since(self, now: datetime, moments: Mapping[str, datetime]) -> datetime | None:
        """From when on; None for all history."""
        starts = [moments[name] for name in self.moments]
        starts += [now - self.back] if self.back else []
        starts += [self.date] if self.date else []
        return None if self.ever or not starts else min(starts)


class Needs(msgspec.Struct, frozen=True):
    """What must be loaded to answer. `log` and `touch` say how far back events of `names` and
    touches of `kinds` are needed; `reach` holds (channel, purpose); `tests` is how much is asked of
    each event."""

    traits: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    properties: bool = False
    log: Lookback = Lookback()
    carts: frozenset[str] = frozenset()
    orders: bool = False
    reduced: bool = False
    reach: frozenset[tuple[str, str]] = frozenset()
    kinds: frozenset[str] = frozenset()
    touch: Lookback = Lookback()
    lists: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    tags: bool = False
    population: bool = False
    places: bool = False
    shown: bool = False
    liking: bool = False
    predictions: frozenset[str] = frozenset()
    tests: int = 0

    def since(self, now: datetime, moments: Mapping[str, datetime]) -> datetime | None:
        """From when on events are needed; None for all history."""
        return self.log.since(now, moments)


def together(needs: Iterable[Needs]) -> Needs:
    """What all of `needs` ask for."""
    every = list(needs)

    def union(field: str) -> frozenset[Any]:
        return frozenset().union(*(getattr(one, field) for one in every))

    return Needs(
        traits=union("traits"),
        names=union("names"),
        properties=any(one.properties for one in every),
        log=_furthest([one.log for one in every if one.names]),
        carts=union("carts"),
        orders=any(one.orders for one in every),
        reduced=any(one.reduced for one in every),
        reach=union("reach"),
        kinds=union("kinds"),
        touch=_furthest([one.touch for one in every if one.kinds]),
        lists=union("lists"),
        segments=union("segments"),
        tags=any(one.tags for one in every),
        population=any(one.population for one in every),
        places=any(one.places for one in every),
        shown=any(one.shown for one in every),
        liking=any(one.liking for one in every),
        predictions=union("predictions"),
        tests=sum(one.tests for one in every),
    )


def _furthest(looks: Sequence[Lookback]) -> Lookback:
    return Lookback(
        back=max((one.back for one in looks if one.back), default=None),
        date=min((one.date for one in looks if one.date), default=None),
        moments=frozenset().union(*(one.moments for one in looks)),
        ever=any(one.ever for one in looks),
    )


class Leaf(Protocol):
    """A condition that is not made of others."""

    @property
    def recurs(self) -> bool:
        """Whether its answer may change every year anew."""

    def holds(self, facts: Facts, now: datetime) -> bool: ...

    def evaluate(self, facts: Facts, now: datetime) -> Answer: ...

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        """The moments, past ones among them, at which the answer may change by time alone."""

    def needs(self) -> Needs: ...

    def weight(self) -> int:
        """How many tests it is made of."""
