"""Rules such as shops save, over the events that the benchmarks make."""

from collections.abc import Iterator
from typing import Any

Rule = dict[str, Any]
DAYS = (1, 7, 30, 90)


def _times(event: str, least: int, days: int | None, *where: Rule) -> Rule:
    rule: Rule = {"event": event, "count": {"op": "at_least", "value": least}}
    if days is not None:
        rule["within"] = {"days": days}
    if where:
        rule["where"] = list(where)
    return rule


def _is(path: str, value: Any) -> Rule:
    return {"property": path, "op": "equals", "value": value}


def _cheap(price: float) -> Rule:
    return {"property": "price", "op": "less_than", "value": price}


def fifty() -> Iterator[tuple[str, Rule]]:
    """(key, rule) of fifty segments: counts, sums, categories, brands, prices, sequences, what she
    did not do, first and last times, orders, carts, messages, consent, traits, channel, device."""
    for days in DAYS:
        yield f"looked-{days}", _times("Product Viewed", 3, days)
        yield f"added-{days}", _times("Product Added", 1, days)
        yield f"searched-{days}", _times("Products Searched", 2, days)
        yield f"unmailed-{days}", {"message": "opened", "did": False, "within": {"days": days}}
    for number in range(8):
        viewed = _times("Product Viewed", 1, 7, _is("category", f"Department {number}"))
        yield f"fans-{number}", viewed
    for number in range(5):
        branded = _times("Product Viewed", 2, 30, _is("brand", f"Brand {number}"))
        yield f"brand-{number}", branded
    for price in (5, 10, 20):
        yield f"bargains-{price}", _times("Product Added", 1, 30, _cheap(price))
    for amount in (50,):
        total = {"property": "price", "op": "at_least", "value": amount}
        yield f"basket-{amount}", {"event": "Product Added", "sum": total, "within": {"days": 30}}
    dear = {"property": "price", "op": "at_least", "value": 25}
    yield "dear-eyes", {"event": "Product Viewed", "max": dear, "within": {"days": 30}}
    many = {"property": "category", "op": "at_least", "value": 5}
    yield "browsers", {"event": "Product Viewed", "distinct": many, "within": {"days": 30}}
    fresh = {"op": "in_the_last", "value": {"days": 7}}
    yield "newly-seen", {"event": "Product Viewed", "first": fresh}
    yield "back-again", {"event": "Product Viewed", "last": fresh}
    steps = [{"event": "Product Viewed"}, {"event": "Product Added", "within": {"hours": 1}}]
    yield "quick", {"sequence": steps, "within": {"days": 7}}
    bought = {"event": "Order Completed", "within": {"days": 1}}
    yield "bought-at-once", {"sequence": [{"event": "Product Viewed"}, bought]}
    yield "left-behind", {"and": [_times("Product Added", 1, 7), _never("Order Completed", 7)]}
    yield "cart-open", {"cart": "any", "is": "open"}
    yield "repeat", {"orders": "number", "op": "at_least", "value": 2}
    yield "valued", {"orders": "value", "op": "at_least", "value": 500}
    yield "writable", {"reachable": "email"}
    yield "bostonians", {"trait": "city", "op": "equals", "value": "Boston"}
    yield "paid", {"channel": "paid_search", "touch": "first"}
    yield "mobile", {"device": "mobile", "touch": "last"}
    yield "tenth", {"sample": 10, "key": "bench"}
    yield "vip", {"or": [{"segment": "bench-repeat"}, _times("Product Added", 10, 90)]}
    yield "win-back", {"and": [_times("Order Completed", 1, None), _never("Product Viewed", 30)]}


def _never(event: str, days: int) -> Rule:
    return {"event": event, "did": False, "within": {"days": days}}


BEHAVIOURAL: Rule = {
    "and": [
        _times("Order Completed", 2, 90),
        _times("Product Viewed", 1, 7, _is("category", "Department 17")),
        _never("Email Opened", 30),
    ]
}
"""Bought twice in 90 days, looked at a category in the last week, opened no mail in 30 days."""


def twenty() -> list[Rule]:
    """Twenty segments over all history: counts, money, categories, brands, prices, sequences, what
    she did not do, first and last times, messages, channel, device."""
    spent = {"property": "revenue", "op": "at_least", "value": 300}
    usual = {"property": "revenue", "op": "greater_than", "value": 150}
    dear = {"property": "price", "op": "at_least", "value": 90}
    many = {"property": "category", "op": "at_least", "value": 20}
    newly = {"op": "in_the_last", "value": {"days": 30}}
    lapsed = {"op": "more_than_ago", "value": {"days": 90}}
    quick = [{"event": "Product Viewed"}, {"event": "Product Added", "within": {"hours": 1}}]
    left = [
        {"event": "Product Added"},
        {"event": "Checkout Started", "within": {"days": 1}},
        {"event": "Order Completed", "within": {"days": 7}, "without": {"event": "Product Added"}},
    ]
    return [
        BEHAVIOURAL,
        _times("Order Completed", 1, 30),
        _times("Order Completed", 3, None),
        {"event": "Order Completed", "count": {"op": "equals", "value": 1}},
        {"event": "Order Completed", "sum": spent, "within": {"days": 90}},
        {"event": "Order Completed", "avg": usual},
        {"event": "Order Completed", "first": newly},
        {"event": "Order Completed", "last": lapsed},
        _times("Product Viewed", 5, 7),
        _times("Product Viewed", 1, 30, _is("brand", "Brand 3"), _cheap(20)),
        {"event": "Product Viewed", "max": dear, "within": {"days": 30}},
        {"event": "Product Viewed", "distinct": many, "within": {"days": 90}},
        {"and": [_times("Product Viewed", 10, None), _never("Order Completed", 180)]},
        {"and": [_times("Product Added", 1, 7), _never("Order Completed", 7)]},
        {"sequence": quick, "within": {"days": 30}},
        {"sequence": left, "within": {"days": 90}},
        {"message": "opened", "count": {"op": "at_least", "value": 3}, "within": {"days": 90}},
        {"and": [{"message": "received", "within": {"days": 60}},
                 {"message": "opened", "did": False, "within": {"days": 60}}]},
        {"channel": "paid_search", "touch": "first"},
        {"or": [{"device": "mobile", "touch": "last"}, _times("Checkout Started", 2, 30)]},
    ]  # fmt: skip
