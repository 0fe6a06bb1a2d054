"""The ready-made segments: rules of the language with names that say what they are good for.

Those of the core are there from the day a shop is founded. They ask for orders and carts only,
which are looked up when somebody orders or fills a cart, and nothing is remembered for them of what
visitors do; so a page view costs the same with them and without. The others are one call away.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from patron.segments.population.types import GROUPS
from patron.shops.types import METRICS, Shop

Rule = dict[str, Any]

STANDING, STAGES, BUYING, VISITING, READING, NOW, FANS = (
    "standing", "life cycle", "buying", "visiting", "engagement", "now", "fans",
)  # fmt: skip
LAPSED_DAYS = 180
NEW_DAYS = 7
SPANS = (30, 60, 90)


class ReadyMade(msgspec.Struct, frozen=True):
    """`core`: there from the first day."""

    key: str
    name: str
    theme: str
    description: str
    rule: Rule
    core: bool = False


_STANDING = {
    "champions": (
        "Champions",
        "Ordered lately, order often and spend the most. Thank them, show them what is new first,"
        " ask them for a word to their friends.",
    ),
    "loyal": (
        "Loyal",
        "Come back again and again. Reward that, and offer what goes with what they have.",
    ),
    "recent": (
        "Recent",
        "Ordered lately but little so far. The second order is won now: help them settle in.",
    ),
    "needs_attention": (
        "Needs attention",
        "Neither lately nor much. A good reason to come back decides where they go.",
    ),
    "at_risk": (
        "At risk",
        "Were good customers and have not ordered for long. Ask what went wrong; win them back.",
    ),
    "inactive": (
        "Inactive",
        "Ordered little, long ago. Write seldom, and let go who does not answer.",
    ),
}


def rfm_key(group: str) -> str:
    """The key of the segment of one of the six groups."""
    return f"rfm-{group.replace('_', '-')}"


def catalogue(shop: Shop) -> list[ReadyMade]:
    """All of them but the fans of categories, which are found from what people do."""
    names = METRICS | dict(shop.settings.metrics)
    return [*_standing(), *_now(), *_buying(), *_stages(names), *_visiting(names), *_reading(names)]


def _standing() -> list[ReadyMade]:
    return [
        ReadyMade(
            rfm_key(group), *(_STANDING[group][0], STANDING, _STANDING[group][1]),
            {"rfm": "group", "is": group}, core=True,
        )
        for group in GROUPS
    ]  # fmt: skip


def _orders(figure: str, op: str, value: float) -> Rule:
    return {"orders": figure, "op": op, "value": value}


def _all(*rules: Rule) -> Rule:
    return {"and": list(rules)}


def _any(*rules: Rule) -> Rule:
    return {"or": list(rules)}


NEVER_BOUGHT = _orders("number", "equals", 0)
BOUGHT_ONCE = _orders("number", "equals", 1)
BOUGHT_AGAIN = _orders("number", "at_least", 2)


def _now() -> list[ReadyMade]:
    return [
        ReadyMade(
            "cart-open",
            "Cart open now",
            NOW,
            "Have something in a cart that is not ordered yet.",
            {"cart": "any", "is": "open"},
            core=True,
        ),
        ReadyMade(
            "birthday-this-month",
            "Birthday this month",
            NOW,
            "Whose birthday, as far as it is known, falls into the month that it is.",
            {"trait": "birthday", "op": "anniversary_this_month"},
        ),
    ]


def _buying() -> list[ReadyMade]:
    return [
        ReadyMade(
            "one-time-buyers",
            "One-time buyers",
            BUYING,
            "Ordered once and never again. A reason to come back is worth most here.",
            BOUGHT_ONCE,
            core=True,
        ),
        ReadyMade(
            "repeat-buyers",
            "Repeat buyers",
            BUYING,
            "Ordered at least twice.",
            BOUGHT_AGAIN,
            core=True,
        ),
        ReadyMade(
            "vip",
            "VIP",
            BUYING,
            "Came back, and what they spent in all is more than what 90% of all who ordered did."
            " Let them in early.",
            _all(BOUGHT_AGAIN, {"percentile": "value", "op": "at_least", "value": 90}),
            core=True,
        ),
        ReadyMade(
            "lapsed-buyers",
            "Lapsed buyers",
            BUYING,
            f"Ordered, but not in the last {LAPSED_DAYS} days. It goes by the clock, so a journey"
            " can start on the day they lapse.",
            _orders("days_since_last", "at_least", LAPSED_DAYS),
            core=True,
        ),
        ReadyMade(
            "sale-only-buyers",
            "Buy on sale only",
            BUYING,
            "Ordered at least twice, each time with a discount or a coupon. Tell them of the sale,"
            " and of nothing else.",
            _all(BOUGHT_AGAIN, _orders("reduced_percent", "equals", 100)),
        ),
        ReadyMade(
            "full-price-buyers",
            "Buy at full price",
            BUYING,
            "Ordered at least twice, never with a discount or a coupon. Show them what is new; a"
            " discount is given away here.",
            _all(BOUGHT_AGAIN, _orders("reduced_percent", "equals", 0)),
        ),
    ]


def _stages(names: Mapping[str, str]) -> list[ReadyMade]:
    """Five stages; everybody is in exactly one."""
    looked: Rule = {
        "event": names["viewed_product"],
        "count": {"op": "at_least", "value": 3},
        "within": {"days": 30},
    }
    reached: Rule = {
        "event": [names["added_to_cart"], names["started_checkout"]],
        "within": {"days": 30},
    }
    considers = _any(looked, reached)
    recommends = _any(
        {"event": ["Product Shared", "Cart Shared"]},
        {"event": "Product Reviewed", "max": {"property": "rating", "op": "at_least", "value": 4}},
    )
    told = (
        (
            "awareness",
            "Know the shop",
            "Have not ordered and do not look closely at anything yet.",
            _all(NEVER_BOUGHT, {"not": considers}),
        ),
        (
            "consideration",
            "Think about buying",
            "Have not ordered, but in the last 30 days looked at three products or more, or put"
            " something into a cart.",
            _all(NEVER_BOUGHT, considers),
        ),
        ("purchase", "Bought once", "Placed their first order, and no other yet.", BOUGHT_ONCE),
        (
            "retention",
            "Come back",
            "Ordered at least twice, but have not recommended anything yet.",
            _all(BOUGHT_AGAIN, {"not": recommends}),
        ),
        (
            "advocacy",
            "Recommend the shop",
            "Ordered at least twice, and shared a product or reviewed one with four stars or more.",
            _all(BOUGHT_AGAIN, recommends),
        ),
    )
    return [
        ReadyMade(f"stage-{stage}", f"{stage.capitalize()}: {name.lower()}", STAGES, said, rule)
        for stage, name, said, rule in told
    ]


def _visits(names: Mapping[str, str]) -> list[str]:
    """What somebody does in the shop."""
    known = ("viewed_product", "added_to_cart", "started_checkout")
    more = ("Page Viewed", "Product List Viewed", "Products Searched", "Cart Viewed")
    return sorted({*more, *(names[name] for name in known)})


def _visiting(names: Mapping[str, str]) -> list[ReadyMade]:
    visits = _visits(names)
    first: Rule = {"op": "in_the_last", "value": {"days": NEW_DAYS}}
    long_ago: Rule = {"op": "more_than_ago", "value": {"days": NEW_DAYS}}
    return [
        ReadyMade(
            "new-visitors",
            "New visitors",
            VISITING,
            f"Came for the first time in the last {NEW_DAYS} days.",
            {"event": visits, "first": first},
        ),
        ReadyMade(
            "returning-visitors",
            "Returning visitors",
            VISITING,
            f"Came first more than {NEW_DAYS} days ago, and again in the last 30.",
            _all({"event": visits, "first": long_ago}, {"event": visits, "within": {"days": 30}}),
        ),
        ReadyMade(
            "lapsed-visitors",
            "Lapsed visitors",
            VISITING,
            "Came once, but not in the last 90 days.",
            _all({"event": visits}, {"event": visits, "did": False, "within": {"days": 90}}),
        ),
        ReadyMade(
            "browsers",
            "Look and never buy",
            VISITING,
            "Looked at five products or more in the last 60 days and never ordered anything. They"
            " miss something: reviews, sizes, a word on returns.",
            _all(
                {
                    "event": names["viewed_product"],
                    "count": {"op": "at_least", "value": 5},
                    "within": {"days": 60},
                },
                NEVER_BOUGHT,
            ),
        ),
    ]


def _reading(names: Mapping[str, str]) -> list[ReadyMade]:
    visits = sorted({*_visits(names), names["revenue"]})
    made = []
    for days in SPANS:
        within = {"within": {"days": days}}
        engaged = _any(
            {"message": "opened", **within},
            {"message": "clicked", **within},
            {"event": visits, **within},
        )
        made += [
            ReadyMade(
                f"engaged-{days}",
                f"Engaged in {days} days",
                READING,
                f"Opened a mail, clicked in one, visited the shop or ordered in the last {days}"
                " days. What mail programs open by themselves does not count.",
                engaged,
            ),
            ReadyMade(
                f"unengaged-{days}",
                f"Unengaged for {days} days",
                READING,
                f"Were written to in the last {days} days, and neither opened, clicked, visited nor"
                " ordered. Write to them less.",
                _all({"message": "received", **within}, {"not": engaged}),
            ),
        ]
    return made
