"""The page about one person as tables for the terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from patron.analytics.person.habits import Habit
from patron.analytics.person.types import PersonPage, Session
from patron.kit.money import format_money
from patron.segments.liking.affinity import Affinity
from patron.shops.types import Shop


class Part(msgspec.Struct, frozen=True):
    """A table with its heading; one without rows is not shown."""

    title: str
    columns: list[str]
    rows: Sequence[Sequence[object]]


def parts(person: PersonPage, shop: Shop) -> list[Part]:
    """What is known about her, the most asked for first. Times in UTC."""
    return [*_herself(person), *_shopping(person, shop), *_coming(person)]


def _herself(person: PersonPage) -> list[Part]:
    facts: list[tuple[str, Any]] = [
        ("name", person.name or "not known"),
        ("first seen", _when(person.first_seen)),
        ("last seen", _when(person.last_seen)),
        ("tags", ", ".join(one.tag for one in person.tags)),
        ("segments", ", ".join(one.name for one in person.segments)),
        ("lists", ", ".join(one.name for one in person.lists)),
    ]
    return [
        Part("Who she is", ["", ""], [(what, told) for what, told in facts if told]),
        Part(
            "What she goes by",
            ["kind", "value", "said by", "first", "last"],
            [
                (i.kind, i.address or i.value, i.said_by, _day(i.first_seen), _day(i.last_seen))
                for i in person.identifiers
            ],
        ),
        Part(
            "Traits",
            ["trait", "value", "said by", "when"],
            [(t.name, t.value, t.said_by, _when(t.at)) for t in person.traits],
        ),
        Part(
            "Computed",
            ["trait", "value", "of events", "last"],
            [(c.name, c.value, c.events, _when(c.last_at)) for c in person.computed],
        ),
        Part(
            "Predicted",
            ["prediction", "value", "more than percent of all"],
            [(p.label, str(p.value), p.percentile) for p in person.predictions],
        ),
        Part(
            "Notes",
            ["when", "by", "note"],
            [(_when(n.at), n.by, n.text) for n in person.notes],
        ),
        Part(
            "Her answers",
            ["question", "answer", "said by", "when"],
            [(a.question, a.answer, a.said_by, _when(a.at)) for a in person.answers],
        ),
        Part(
            "May be written to",
            ["channel", "purpose", "reachable", "because", "address"],
            [
                (w.channel, w.purpose, "yes" if w.reachable else "no", w.obstacle, w.reach.address)
                for w in person.ways
            ],
        ),
    ]


def _shopping(person: PersonPage, shop: Shop) -> list[Part]:
    def money(amount: int | None, currency: str) -> str | None:
        return None if amount is None else format_money(amount, currency, shop.locale)

    orders = person.orders
    figures: list[tuple[str, Any]] = [
        ("orders", orders.number),
        ("worth", money(orders.value, orders.currency)),
        ("average", money(orders.average, orders.currency)),
        ("last", _when(orders.last_at)),
    ]
    cart = person.cart
    return [
        Part("Orders, refunds taken back", ["", ""], figures if orders.last else []),
        Part(
            "Last orders",
            ["when", "order", "amount", "refunded", ""],
            [
                (
                    _when(o.at),
                    o.order_id,
                    money(o.revenue, o.currency),
                    money(o.refunded, o.currency) if o.refunded else None,
                    "cancelled" if o.cancelled else None,
                )
                for o in orders.last
            ],
        ),
        Part(
            "In her cart",
            ["product", "pieces", "price"],
            []
            if cart is None
            else [
                (i.title or i.product_id or i.sku, i.quantity, money(i.price, cart.currency))
                for i in cart.items
            ],
        ),
        Part(
            "On her wish list",
            ["product", "since", "ordered"],
            [
                (w.title or w.product_id or w.sku, _when(w.added_at), _when(w.ordered_at))
                for w in person.wish_list
            ],
        ),
        Part(
            "Coupons used",
            ["code", "orders", "last"],
            [(c.code, c.orders, _when(c.last_at)) for c in person.coupons],
        ),
    ]


def _coming(person: PersonPage) -> list[Part]:
    habits, liked = person.habits, person.affinities
    named: list[tuple[str, Habit | None]] = [
        ("hour", habits.hour),
        ("weekday", habits.weekday),
        ("channel", habits.channel),
        ("device", habits.device),
    ]
    kinds: list[tuple[str, list[Affinity]]] = [
        ("category", liked.categories),
        ("brand", liked.brands),
        ("price", liked.price_bands),
    ]
    return [
        Part(
            "What she likes",
            ["", "value", "share", "last"],
            [
                (kind, one.value, f"{one.share:.0%}", _when(one.last))
                for kind, each in kinds
                for one in each[:5]
            ],
        ),
        Part(
            "Favourites",
            ["", "value", "how often"],
            [(n, h.value, f"{h.count} of {h.of} {h.by}") for n, h in named if h is not None],
        ),
        Part(
            f"Visits: {person.sessions.number}",
            ["began", "events", "came by", "campaign", "on"],
            [_visit(one) for one in person.sessions.last],
        ),
        Part(
            "How she became one person",
            ["when", "why", "undone"],
            [(_when(m.merged_at), m.reason, _when(m.undone_at)) for m in person.merges],
        ),
    ]


def _visit(one: Session) -> tuple[object, ...]:
    campaign = one.campaign
    told = campaign and (campaign.name or campaign.source)
    return _when(one.began_at), one.events, one.channel, told, one.device


def _when(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
