"""What is kept of somebody, in a few plain lines.

The page is opened by a link in a mail, and mails get forwarded: it says what is kept, and
never what stands there.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from patron.delivery.preferences.who import Her
from patron.shops.types import METRICS, Shop

_LOOKED = ("Page Viewed", "Screen Viewed", "Product Viewed", "Product List Viewed")
_NAME = {"first_name", "last_name", "name", "email", "phone"}


def held(her: Her, shop: Shop, carts: int) -> list[str]:
    """A line for each kind of thing that is kept."""
    person, zone = her.person, ZoneInfo(shop.time_zone)
    kinds = {one.kind for one in person.identifiers}
    reach = [words for kind, words in (("email", "e-mail address"), ("phone", "telephone number"))
             if kind in kinds]  # fmt: skip
    lines = [f"Your {' and '.join(reach)}"] if reach else []
    if {"first_name", "last_name", "name"} & set(person.traits):
        lines.append("Your name")
    if others := len([name for name in person.traits if name not in _NAME]):
        lines.append(f"{_many(others, 'detail')} about you, such as answers and addresses")
    looked = sum(person.totals[name].count for name in _LOOKED if name in person.totals)
    since = _day(person.first_seen, zone)
    if looked:
        lines.append(f"{_many(looked, 'page')} and products you looked at since {since}")
    order = shop.settings.metrics.get("revenue", METRICS["revenue"])
    if order in person.totals:
        lines.append(f"{_many(person.totals[order].count, 'order')} and what was in them")
    if carts:
        lines.append(f"{_many(carts, 'cart')} you filled")
    if "Email Sent" in person.totals:
        sent = person.totals["Email Sent"].count
        them = "it" if sent == 1 else "them"
        lines.append(f"{_many(sent, 'message')} we sent you, and whether you opened {them}")
    if her.words:
        lines.append(f"What you said yes or no to: {_many(len(her.words), 'entry', 'entries')}")
    return lines


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def _day(moment: datetime, zone: ZoneInfo) -> str:
    day = moment.astimezone(zone)
    return f"{day:%B} {day.day}, {day.year}"
