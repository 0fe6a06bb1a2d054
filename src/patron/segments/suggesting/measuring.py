"""Measures what people did in the last year: the figures by which they are alike or not.

What a rule can ask is measured as the rule would ask it, so that a rule made of it finds the same.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from patron.segments.rules.operators import at_path
from patron.segments.suggesting.types import SEASON, YEAR, Column, Crowd, Floats
from patron.segments.types import Facts
from patron.shops.types import METRICS, Shop

MOST_CATEGORIES = 12
MOST_REMEMBERED = 2_000
FAN_VIEWS, FAN_ORDERS = 3, 2
_DAY = timedelta(days=1)
_YEAR, _SEASON = timedelta(days=YEAR), timedelta(days=SEASON)
_BROAD = 0.25
"""What varies less is not stretched to matter as much as what varies."""
DEEDS_OF_A_HABIT, DEEDS_OF_A_TASTE = 10, 1
EVENING, NIGHT = 18, 23
SATURDAY = 5


class Names(msgspec.Struct, frozen=True):
    """What this shop calls an order and a look at a product, and its currency."""

    order: str
    view: str
    currency: str

    @classmethod
    def of(cls, shop: Shop) -> "Names":
        names = METRICS | dict(shop.settings.metrics)
        return cls(names["revenue"], names["viewed_product"], shop.currency)


class Person(msgspec.Struct):
    """One person's figures. `deeds` are what she did at known hours; `viewed` and `bought` count by
    category, in lower case."""

    orders: int
    average: float
    reduced: float
    last: int
    views: int
    deeds: int
    evening: int
    weekend: int
    viewed: Counter[str]
    bought: Counter[str]


class Measured(msgspec.Struct):
    """Everybody who was looked at, and what the categories are called."""

    people: list[Person] = []
    spelled: dict[str, Counter[str]] = {}

    def name(self, category: str) -> str:
        return self.spelled[category].most_common(1)[0][0]


def measure(into: Measured, facts: Sequence[Facts], names: Names, unit: int, now: datetime) -> None:
    """Add the figures of people; who did nothing in a year is not added."""
    for her in facts:
        person = _person(into, her, names, unit, now)
        if person.orders or person.views:
            into.people.append(person)


def _person(into: Measured, her: Facts, names: Names, unit: int, now: datetime) -> Person:
    year = [one for one in her.orders if one.ts >= now - _YEAR]
    own = [one.net for one in year if one.currency == her.currency]
    told = [one.reduced for one in year if one.reduced is not None]
    ordered = her.events([names.order], now - _YEAR)
    seen = her.events([names.view], now - _SEASON)
    hours = [ts.astimezone(her.zone) for ts, _ in (*ordered, *seen)]
    return Person(
        orders=len(year),
        average=sum(own) / (unit * len(own)) if own else np.nan,
        reduced=100 * sum(told) / len(told) if told else np.nan,
        last=(now - her.orders[-1].ts) // _DAY if her.orders else YEAR,
        views=min(len(seen), 1_000),
        deeds=len(hours),
        evening=sum(EVENING <= at.hour < NIGHT for at in hours),
        weekend=sum(at.weekday() >= SATURDAY for at in hours),
        viewed=_categories(into, "category", [told for _, told in seen]),
        bought=_categories(into, "products.category", [told for _, told in ordered]),
    )


def _categories(into: Measured, path: str, told: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """In how many events each category is named."""
    found: Counter[str] = Counter()
    for one in told:
        said = {name.strip() for name in at_path(path, one) if isinstance(name, str)}
        for name in said:
            plain = name.casefold()
            if not plain or len(name) > 200:
                continue
            if plain in into.spelled or len(into.spelled) < MOST_REMEMBERED:
                into.spelled.setdefault(plain, Counter())[name] += 1
                found[plain] += 1
    return found


# --- crowds -------------------------------------------------------------------------------------


def crowds(measured: Measured, names: Names) -> list[Crowd]:
    """Those who ordered in the last year, and those who only looked."""
    buyers = [one for one in measured.people if one.orders]
    lookers = [one for one in measured.people if not one.orders]
    window = {"within": {"days": YEAR}}
    ordered = {"orders": "number", "op": "at_least", "value": 1, **window}
    looked = {"event": names.view, "within": {"days": SEASON}}
    only = {"and": [{"orders": "number", "op": "equals", "value": 0, **window}, looked]}
    return [
        Crowd("buyers", ordered, _columns(measured, buyers, names, buying=True)),
        Crowd("visitors", only, _columns(measured, lookers, names, buying=False)),
    ]


def _columns(
    measured: Measured, people: Sequence[Person], names: Names, *, buying: bool
) -> list[Column]:
    if not people:
        return []

    def of(field: str) -> Floats:
        return np.array([getattr(one, field) for one in people], np.float64)

    window = {"within": {"days": YEAR}}
    often = {"event": names.view, "within": {"days": SEASON}}
    columns = [_counted("views", of("views"), often, "products looked at")]
    if buying:
        columns += [
            _counted("orders", of("orders"), {"orders": "number", **window}, "orders a year"),
            _counted("average", of("average"), {"orders": "average", **window}, names.currency, 2),
            _shared("reduced", of("reduced"), {"orders": "reduced_percent", **window}, "%", 100),
            _counted("last", of("last"), {"orders": "days_since_last"}, "days since the last"),
        ]
    columns += [
        _habit("evening", of("evening"), of("deeds")),
        _habit("weekend", of("weekend"), of("deeds")),
    ]
    return columns + _by_category(measured, people, names, buying=buying)


def _counted(
    name: str, values: Floats, ask: dict[str, Any] | None, unit: str, digits: int = 0
) -> Column:
    """Twice as many is one step, however many they are."""
    logs = np.log1p(values)
    return Column(name, values, _scaled(logs), ask, unit, digits)


def _shared(
    name: str, values: Floats, ask: dict[str, Any] | None, unit: str, whole: float
) -> Column:
    return Column(name, values, _scaled(values / whole), ask, unit)


def _habit(name: str, values: Floats, deeds: Floats) -> Column:
    share = 100 * values / np.maximum(deeds, 1)
    return Column(name, share, _scaled(_trusted(values, deeds, DEEDS_OF_A_HABIT)), unit="%")


def _trusted(values: Floats, of: Floats, doubt: int) -> Floats:
    """Shares, as if everybody had done so much more as all do on average: an order on a Sunday is
    no habit yet."""
    usual = values.sum() / max(1.0, of.sum())
    shares: Floats = (values + doubt * usual) / (of + doubt)
    return shares


def _scaled(values: Floats) -> Floats:
    """In spreads above or below the mean; who is not known lies there."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(len(values))
    spread = max(float(known.std()), _BROAD)
    scaled: Floats = np.nan_to_num(np.clip((values - known.mean()) / spread, -3, 3), nan=0.0)
    return scaled


def _by_category(
    measured: Measured, people: Sequence[Person], names: Names, *, buying: bool
) -> list[Column]:
    """What share of what she looked at or bought is of a category, for the categories of most."""
    totals: Counter[str] = Counter()
    for one in people:
        totals.update(set(one.bought if buying else one.viewed))
    path = "products.category" if buying else "category"
    event = names.order if buying else names.view
    days = YEAR if buying else SEASON
    columns = []
    for category, _ in sorted(totals.most_common(MOST_CATEGORIES)):
        counts = [one.bought if buying else one.viewed for one in people]
        values = np.array([count[category] for count in counts], np.float64)
        wholes = np.array([max(1, sum(count.values())) for count in counts], np.float64)
        ask = {
            "event": event,
            "where": [{"property": path, "op": "equals", "value": measured.name(category)}],
            "within": {"days": days},
        }
        share = values / wholes
        name = f"category:{measured.name(category)}"
        scaled = _scaled(_trusted(values, wholes, DEEDS_OF_A_TASTE))
        columns.append(Column(name, values, scaled, ask, "times", share=share))
    return columns


def fans(measured: Measured, names: Names) -> list[tuple[str, int, dict[str, Any]]]:
    """(category, people, rule) of those who look at a category or buy of it again and again."""
    totals: Counter[str] = Counter()
    for one in measured.people:
        eager = {name for name, count in one.viewed.items() if count >= FAN_VIEWS}
        eager |= {name for name, count in one.bought.items() if count >= FAN_ORDERS}
        totals.update(eager)
    found = []
    for plain, people in sorted(totals.items(), key=lambda one: (-one[1], one[0])):
        category = measured.name(plain)
        found.append((category, people, fans_rule(category, names)))
    return found[:MOST_CATEGORIES]


def fans_rule(category: str, names: Names) -> dict[str, Any]:
    def often(event: str, path: str, count: int, days: int) -> dict[str, Any]:
        return {
            "event": event,
            "where": [{"property": path, "op": "equals", "value": category}],
            "count": {"op": "at_least", "value": count},
            "within": {"days": days},
        }

    return {
        "or": [
            often(names.view, "category", FAN_VIEWS, SEASON),
            often(names.order, "products.category", FAN_ORDERS, YEAR),
        ]
    }
