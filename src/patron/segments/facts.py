"""Loads what rules ask about people, for many people at once.

Facts are those of the person an origin belongs to today: her events, traits and orders under every
origin she ever had.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from patron.carts import store as carts
from patron.catalog import store as catalog
from patron.kit.db import Tx
from patron.profiles.known import ASKED
from patron.profiles.labels import store as labels
from patron.profiles.many import store as profiles
from patron.profiles.types import Reach
from patron.segments import store
from patron.segments.last import store as last_words
from patron.segments.last.types import LastShown, Place
from patron.segments.liking.reading import Deed, Liking, fell, untold, weights_of
from patron.segments.lists import store as listed
from patron.segments.members import store as members
from patron.segments.population import store as populations
from patron.segments.population.types import Population
from patron.segments.predictions import store as predictions
from patron.segments.predictions.types import Foretold
from patron.segments.rules.language import ANY, THIS, Needs
from patron.segments.rules.operators import as_number
from patron.segments.types import Order, Touch
from patron.shops.types import METRICS, Shop

Deeds = list[tuple[datetime, Mapping[str, Any]]]
Family = Mapping[UUID, Sequence[UUID]]


MOST_OF_ONE = 10_000
MOST_TESTED = 500_000
"""Events times tests; a rule of fifty tests or less looks at ten thousand events."""


class Subject(msgspec.Struct, frozen=True):
    """Whom a rule is asked about, and what its names mean for her: moments, and "this" cart."""

    origin_id: UUID
    moments: dict[str, datetime] = {}
    cart: str | None = None


class Log:
    """What she did, as it is logged: all of it, and by name, each by time."""

    __slots__ = ("_all", "_named")

    def __init__(self) -> None:
        self._all: list[tuple[str, datetime, Mapping[str, Any]]] = []
        self._named: dict[str, Deeds] = {}

    def add(self, name: str, ts: datetime, properties: Mapping[str, Any]) -> None:
        self._all.append((name, ts, properties))
        self._named.setdefault(name, []).append((ts, properties))

    def of(self, names: Collection[str], since: datetime | None) -> Deeds:
        if len(names) == 1:  # nearly always, and a rule may ask for a thousand of them
            (only,) = names
            found = self._named.get(only, [])
        else:
            found = [(ts, properties) for name, ts, properties in self._all if name in names]
        return found if since is None else found[bisect_left(found, since, key=_when) :]


def _when(deed: tuple[datetime, Mapping[str, Any]]) -> datetime:
    return deed[0]


NOTHING = Log()


NOTHING_LIKED = Liking((), {}, {}, datetime.max.replace(tzinfo=UTC), "")


class Loaded(msgspec.Struct, frozen=True):
    """Facts as `types.Facts` wants them."""

    person: UUID
    traits: dict[str, Any]
    moments: dict[str, datetime]
    zone: tzinfo
    currency: str
    log: Log
    open_carts: frozenset[str]
    orders: list[Order] = []
    ways: dict[tuple[str, str], Reach] = {}
    touched: dict[str, list[Touch]] = {}
    lists: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    tags: Collection[str] = ()
    population: Population | None = None
    predicted: dict[str, Foretold] = {}
    liking: Liking = NOTHING_LIKED
    placed: list[Place] = []
    shown: list[list[LastShown]] = []

    def events(
        self, names: Collection[str], since: datetime | None
    ) -> Sequence[tuple[datetime, Mapping[str, Any]]]:
        return self.log.of(names, since)

    def touches(self, kind: str) -> Sequence[Touch]:
        return self.touched.get(kind, [])

    def reach(self, channel: str, purpose: str) -> Reach:
        return self.ways[channel, purpose]

    def cart_open(self, cart: str) -> bool:
        return cart in self.open_carts


async def load(tx: Tx, subject: Subject, needs: Needs, now: datetime, shop: Shop) -> Loaded:
    return (await load_many(tx, [subject], needs, now, shop))[0]


async def load_many(
    tx: Tx,
    subjects: Sequence[Subject],
    needs: Needs,
    now: datetime,
    shop: Shop,
    *,
    at_most: int | None = None,
) -> list[Loaded]:
    """The facts of each subject, in their order. Queries do not grow with their number.

    Raises `store.Crowded` when the subjects have more than `at_most` events.
    """
    family = await store.families(tx, [one.origin_id for one in subjects])
    people = {members[0]: members for members in family.values()}
    logs = await _logs(tx, subjects, people, needs, now, at_most)
    open_carts = await _open_carts(tx, subjects, needs)
    traits = await profiles.traits(tx, people, ASKED) if needs.traits else {}
    ways = await profiles.reach(tx, people, needs.reach, shop.settings) if needs.reach else {}
    orders = await _orders(tx, people, needs, shop)
    touched = await _touched(tx, subjects, people, needs, now)
    lists = await listed.of_people(tx, people, needs.lists) if needs.lists else {}
    segments = await members.of_people(tx, people, needs.segments) if needs.segments else {}
    tags = await labels.tags(tx, people) if needs.tags else {}
    with_carts = await _with_carts(tx, people) if ANY in needs.carts else set()
    population = await populations.published(tx) if needs.population else None
    more = await _worked_out(tx, people, needs, now, shop, at_most)
    zone = ZoneInfo(shop.time_zone)
    found = []
    for one in subjects:
        person = family[one.origin_id][0]
        found.append(
            Loaded(
                person=person,
                traits=traits.get(person, {}),
                moments=one.moments,
                zone=zone,
                currency=shop.currency,
                log=logs.get(person, NOTHING),
                open_carts=frozenset(
                    open_carts
                    | ({THIS} if one.cart in open_carts else set())
                    | ({ANY} if person in with_carts else set())
                ),
                orders=orders.get(person, []),
                ways=ways.get(person, {}),
                touched=touched.get(person, {}),
                lists=lists.get(person, frozenset()),
                segments=segments.get(person, frozenset()),
                tags=tags.get(person, ()),
                population=population,
                **{name: told[person] for name, told in more.items() if person in told},
            )
        )
    return found


async def _worked_out(
    tx: Tx, people: Family, needs: Needs, now: datetime, shop: Shop, at_most: int | None
) -> dict[str, Mapping[UUID, Any]]:
    """What is kept as last words, foretold, or worked out of deeds: by field of `Loaded`."""
    wanted = needs.predictions
    return {
        "placed": await last_words.places(tx, people) if needs.places else {},
        "shown": await last_words.shown(tx, people) if needs.shown else {},
        "predicted": await predictions.of_people(tx, people, wanted) if wanted else {},
        "liking": await _liking(tx, people, needs, now, shop, at_most),
    }


def _earliest(begins: Iterable[datetime | None]) -> datetime | None:
    """The earliest of all, None (all history) when one of them is."""
    known = list(begins)
    return None if None in known or not known else min(at for at in known if at is not None)


def _whose(people: Family) -> dict[UUID, UUID]:
    return {origin: person for person, origins in people.items() for origin in origins}


def _of_one(tests: int) -> int:
    """How many events of one origin count: all that a customer has, and of a robot or a till so
    many that the largest rule is answered in seconds."""
    return max(1_000, min(MOST_OF_ONE, MOST_TESTED // max(1, tests)))


async def _logs(
    tx: Tx,
    subjects: Sequence[Subject],
    people: Family,
    needs: Needs,
    now: datetime,
    at_most: int | None,
) -> dict[UUID, Log]:
    """Events by person, from the earliest moment any of the subjects asks about."""
    if not needs.names:
        return {}
    since = _earliest(needs.since(now, one.moments) for one in subjects)
    whose = _whose(people)
    logs: dict[UUID, Log] = {}
    for origin, ts, name, properties in await store.happened(
        tx,
        sorted(whose),
        sorted(needs.names),
        since,
        properties=needs.properties,
        of_one=_of_one(needs.tests),
        at_most=at_most,
    ):
        logs.setdefault(whose[origin], Log()).add(name, ts, properties)
    return logs


async def _open_carts(tx: Tx, subjects: Sequence[Subject], needs: Needs) -> set[str]:
    if not needs.carts:
        return set()
    wanted = needs.carts - {THIS, ANY}
    if THIS in needs.carts:
        wanted |= {one.cart for one in subjects if one.cart is not None}
    ids: list[UUID] = []
    for cart in sorted(wanted):
        try:
            ids.append(UUID(cart))
        except ValueError:  # no cart has such an id, so none is open
            continue
    return {str(cart_id) for cart_id in await carts.still_open(tx, ids)}


async def _with_carts(tx: Tx, people: Family) -> set[UUID]:
    whose = _whose(people)
    return {whose[origin] for origin in await carts.with_open_carts(tx, sorted(whose))}


async def _orders(tx: Tx, people: Family, needs: Needs, shop: Shop) -> dict[UUID, list[Order]]:
    if not needs.orders:
        return {}
    whose = _whose(people)
    event = shop.settings.metrics.get("revenue", METRICS["revenue"])
    orders: dict[UUID, list[Order]] = {}
    for origin, ts, net, currency, told in await store.ordered(
        tx, sorted(whose), event, reduced=needs.reduced
    ):
        order = Order(ts, net, currency, _reduced(told) if told else None)
        orders.setdefault(whose[origin], []).append(order)
    return orders


def _reduced(told: Mapping[str, Any]) -> bool | None:
    """Whether an order names a discount or a coupon; None when it speaks of neither."""
    discount, coupon = as_number(told.get("discount")), told.get("coupon")
    if discount is None and "coupon" not in told:
        return None
    return bool(discount and discount > 0) or bool(isinstance(coupon, str) and coupon.strip())


async def _touched(
    tx: Tx, subjects: Sequence[Subject], people: Family, needs: Needs, now: datetime
) -> dict[UUID, dict[str, list[Touch]]]:
    """Channels and devices by person; those of several origins are one."""
    if not needs.kinds:
        return {}
    since = _earliest(needs.touch.since(now, one.moments) for one in subjects)
    whose = _whose(people)
    spans: dict[tuple[UUID, str, str], tuple[datetime, datetime]] = {}
    for origin, kind, value, first, last in await store.touched(
        tx, sorted(whose), sorted(needs.kinds), since
    ):
        key = whose[origin], kind, value
        before = spans.get(key, (first, last))
        spans[key] = min(before[0], first), max(before[1], last)
    touched: dict[UUID, dict[str, list[Touch]]] = {}
    for (person, kind, value), (first, last) in sorted(spans.items()):
        found = touched.setdefault(person, {}).setdefault(kind, [])
        found.append(Touch(value, first, last))
    return touched


async def _liking(
    tx: Tx, people: Family, needs: Needs, now: datetime, shop: Shop, at_most: int | None
) -> dict[UUID, Liking]:
    """What each did with products; orders that do not stand are none."""
    if not needs.liking:
        return {}
    whose = _whose(people)
    weights = weights_of(shop.settings.metrics)
    order = shop.settings.metrics.get("revenue", METRICS["revenue"])
    numbers: dict[UUID, set[str]] = {}
    times: dict[UUID, set[datetime]] = {}
    for origin, number, ts in await store.fallen(tx, sorted(whose)):
        numbers.setdefault(whose[origin], set()).add(number)
        times.setdefault(whose[origin], set()).add(ts)
    deeds: dict[UUID, list[Deed]] = {}
    for origin, ts, name, told in await store.happened(
        tx, sorted(whose), sorted(weights), None, properties=True,
        of_one=_of_one(needs.tests), at_most=at_most,
    ):  # fmt: skip
        person = whose[origin]
        gone = numbers.get(person, ()), times.get(person, ())
        if name != order or not fell(ts, told, *gone):
            deeds.setdefault(person, []).append((name, ts, told))
    wanted = untold((deed for some in deeds.values() for deed in some), weights)
    items = await catalog.find(tx, sorted(wanted)) if wanted else {}
    return {
        person: Liking(some, weights, items, now, shop.currency) for person, some in deeds.items()
    }
