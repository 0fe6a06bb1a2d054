"""What a condition found, in words a shop owner understands."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from patron.segments.rules.operators import OPERATORS, Comparison, Kind

# Past tense and infinitive of what people do; anything else is named as the event is.
DEEDS = {
    "Cart Viewed": ("looked at the cart", "look at the cart"),
    "Checkout Started": ("started the checkout", "start the checkout"),
    "Email Link Clicked": ("clicked in an e-mail", "click in an e-mail"),
    "Email Opened": ("opened an e-mail", "open an e-mail"),
    "Email Sent": ("was sent an e-mail", "get an e-mail"),
    "Order Cancelled": ("cancelled an order", "cancel an order"),
    "Order Completed": ("ordered", "order"),
    "Order Refunded": ("got a refund", "get a refund"),
    "Page Viewed": ("looked at a page", "look at a page"),
    "Product Added": ("added a product to the cart", "add a product to the cart"),
    "Product List Viewed": ("looked at a category", "look at a category"),
    "Product Removed": ("took a product out of the cart", "take a product out of the cart"),
    "Product Viewed": ("looked at a product", "look at a product"),
    "Products Searched": ("searched", "search"),
}
MOMENTS = {"start": "this journey began"}
MEASURES = {
    "sum": "the sum of its {}",
    "avg": "the average of its {}",
    "min": "the least of its {}",
    "max": "the greatest of its {}",
    "distinct": "the number of different {}",
}
FIGURES = {
    "number": "the number of orders",
    "value": "what the orders are worth",
    "average": "the average order",
    "days_since_first": "the number of days since the first order",
    "days_since_last": "the number of days since the last order",
    "reduced_percent": "the percentage of orders at a reduced price",
}

SCORES = {
    "recency": "how recently the last order was placed",
    "frequency": "how often she orders",
    "money": "what she spends",
}
GROUPS = {
    "champions": "the champions",
    "loyal": "the loyal",
    "recent": "the recent",
    "needs_attention": "those who need attention",
    "at_risk": "those at risk",
    "inactive": "the inactive",
}


def moment(when: datetime, zone: tzinfo) -> str:
    """ "2 Mar 2026, 14:05" in the shop's time."""
    if when.tzinfo is None:
        when = when.replace(tzinfo=zone)
    try:
        local = when.astimezone(zone)
    except OverflowError:  # the first or last day there is, told as written
        local = when
    return f"{local.day} {local:%b} {local.year}, {local:%H:%M}"


def span(length: timedelta) -> str:
    """ "30 days", "1 hour": the largest unit that divides it."""
    seconds = int(length.total_seconds())
    for size, unit in ((604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds and seconds % size == 0:
            return _counted(seconds // size, unit)
    return _counted(seconds, "second")


def deeds(names: Collection[str], *, done: bool) -> str:
    pairs = [DEEDS.get(name, (f"did “{name}”", f"do “{name}”")) for name in sorted(names)]
    return " or ".join(pair[0 if done else 1] for pair in pairs)


def happened(names: Collection[str], count: int, when: str, last: str | None) -> str:
    """ "ordered twice in the last 30 days, last on …" or "did not order in the last 30 days"."""
    if count == 0:
        return f"did not {deeds(names, done=False)}{when}"
    times = {1: "once", 2: "twice"}.get(count, f"{count} times")
    return f"{deeds(names, done=True)} {times}{when}" + (f", last on {last}" if last else "")


def tested(name: str, test: Comparison, values: list[Any], held: bool, zone: tzinfo) -> str:
    """ "city is “Boston”", or "city is “Paris”, so not: is “Boston”"."""
    name = name.replace("_", " ")
    wish = wanted(test, zone)
    if held:
        return f"{name} {wish}"
    if not values:
        return f"{name} is not known"
    return f"{name} is {_listed(values, zone)}, but asked was: {wish}"


def narrowed(where: Sequence[tuple[str, Comparison]], zone: tzinfo) -> str:
    """ " where revenue is at least 50 and coupon is known", or nothing."""
    tests = [f"{path} {wanted(test, zone)}" for path, test in where]
    return f" where {' and '.join(tests)}" if tests else ""


def measured(kind: str, path: str, found: float | None, held: bool, wish: str) -> str:
    """ "the sum of its revenue is 80", and what was asked when that is not it."""
    number = "not known" if found is None else f"{found:.15g}"
    said = f"{MEASURES[kind].format(path)} is {number}"
    return said if held else f"{said}, but asked was: {wish}"


def compared(op: str, value: Any) -> str:
    """ "at least 50", "between 10 and 20"."""
    if isinstance(value, list):
        return f"{op} {value[0]:.15g} and {value[1]:.15g}"
    return f"{op.replace('_', ' ')} {value:.15g}"


def wanted(test: Comparison, zone: tzinfo) -> str:
    """ "is at least 50"."""
    phrase = OPERATORS[test.op].phrase
    if "{}" not in phrase:
        return phrase
    if test.op == "between":
        low, high = test.value
        return phrase.format(f"{_shown(low, zone)} and {_shown(high, zone)}")
    value = test.value
    if OPERATORS[test.op].kind is Kind.PATTERN:
        value = value.pattern
    values = value if isinstance(value, list) else [value]
    return phrase.format(_listed(values, zone))


def _listed(values: list[Any], zone: tzinfo) -> str:
    shown = [_shown(value, zone) for value in values[:3]]
    if len(values) > 3:
        shown.append(f"{len(values) - 3} more")
    return ", ".join(shown)


def _shown(value: Any, zone: tzinfo) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return moment(value, zone)
    if isinstance(value, timedelta):
        return span(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    short = text if len(text) <= 60 else text[:59] + "…"
    return f"“{short}”" if isinstance(value, str) else short


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
