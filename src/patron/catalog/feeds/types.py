"""Feeds, what came of reading them, and what is wrong with their items."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

PRODUCT = "product"
EXAMPLES = 20
"""Items shown for each kind of problem; all are counted."""
LONGEST_VALUE = 200


class Fault(StrEnum):
    """What can be wrong with an item."""

    ID_MISSING = "id_missing"
    ID_TOO_LONG = "id_too_long"
    ID_TWICE = "id_twice"
    TITLE_MISSING = "title_missing"
    PRICE_MISSING = "price_missing"
    PRICE_UNREADABLE = "price_unreadable"
    CURRENCY_OTHER = "currency_other"
    SALE_ABOVE_PRICE = "sale_above_price"
    SALE_DATE_UNREADABLE = "sale_date_unreadable"
    AVAILABILITY_MISSING = "availability_missing"
    AVAILABILITY_UNKNOWN = "availability_unknown"
    LINK_MISSING = "link_missing"
    LINK_UNREADABLE = "link_unreadable"
    LINK_ELSEWHERE = "link_elsewhere"
    VALUE_UNREADABLE = "value_unreadable"
    TEXT_REPAIRED = "text_repaired"


WORDS: dict[Fault, tuple[str, str]] = {
    Fault.ID_MISSING: (
        "items without an id were left out",
        "give every item the id that the shop's pages and orders use",
    ),
    Fault.ID_TOO_LONG: (
        "items whose id is longer than 250 bytes were left out",
        "use the product number; Google takes 50 characters at most",
    ),
    Fault.ID_TWICE: (
        "items have an id that came before in the same feed; the first one counts",
        "give each variant an id of its own, and what they have in common as item_group_id",
    ),
    Fault.TITLE_MISSING: ("items have no title", "add title: nothing can be shown without it"),
    Fault.PRICE_MISSING: (
        "items have no price",
        "add price, such as 12.50 USD; until then the last known price stays",
    ),
    Fault.PRICE_UNREADABLE: (
        "prices are no amount of money; the last known price stays",
        "write a number and a currency, such as 12.50 USD",
    ),
    Fault.CURRENCY_OTHER: (
        "prices are in another currency than the shop's; they are kept as they are",
        "give the feed of the shop's own country, or open another shop for the other currency",
    ),
    Fault.SALE_ABOVE_PRICE: (
        "sale prices are higher than the price; the price counts",
        "put the regular price into price and the reduced one into sale_price",
    ),
    Fault.SALE_DATE_UNREADABLE: (
        "sale_price_effective_date is no time span; the sale price does not count",
        "write beginning and end as 2026-03-01T08:00+0100/2026-03-07T20:00+0100",
    ),
    Fault.AVAILABILITY_MISSING: (
        "items do not say whether they can be had",
        "add availability: in_stock, out_of_stock, preorder or backorder",
    ),
    Fault.AVAILABILITY_UNKNOWN: (
        "availability has a word that is not known; what was known before stays",
        "write in_stock, out_of_stock, preorder or backorder",
    ),
    Fault.LINK_MISSING: ("items have no link", "add link, the address of the product's page"),
    Fault.LINK_UNREADABLE: (
        "links are no web address, and were left out",
        "write the whole address, with https://",
    ),
    Fault.LINK_ELSEWHERE: (
        "links lead to a host that is not the shop's",
        "correct the link, or name the host in the shop's setting more_hosts",
    ),
    Fault.VALUE_UNREADABLE: (
        "values could not be understood and were left out",
        "see the examples for what is expected",
    ),
    Fault.TEXT_REPAIRED: (
        "texts had been decoded wrongly, or escaped twice, and were repaired",
        "write the feed in UTF-8, and escape texts once",
    ),
}


class Example(msgspec.Struct, frozen=True):
    """One item a problem was found in: its place in the feed, its id if it has one, and the value
    as it stands there."""

    number: int
    item: str | None
    field: str
    value: str


class FeedProblem(msgspec.Struct, frozen=True):
    """`count` is of all items, `examples` are the first of them."""

    code: Fault
    count: int
    says: str
    remedy: str
    examples: list[Example]


class Noted(msgspec.Struct, frozen=True):
    """One problem of one item."""

    fault: Fault
    example: Example


class Problems:
    """What is wrong in a feed: counted, with a few examples of each kind."""

    def __init__(self) -> None:
        self._counts: dict[Fault, int] = {}
        self._examples: dict[Fault, list[Example]] = {}

    def add(self, noted: Noted) -> None:
        self._counts[noted.fault] = self._counts.get(noted.fault, 0) + 1
        examples = self._examples.setdefault(noted.fault, [])
        if len(examples) < EXAMPLES:
            examples.append(noted.example)

    @property
    def count(self) -> int:
        return sum(self._counts.values())

    def told(self) -> list[FeedProblem]:
        """The problems, what concerns most items first."""
        order = sorted(self._counts, key=lambda fault: (-self._counts[fault], fault))
        return [
            FeedProblem(fault, self._counts[fault], *WORDS[fault], self._examples[fault])
            for fault in order
        ]


def note(fault: Fault, number: int, item: str | None, field: str, value: object) -> Noted:
    text = str(value)
    text = text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
    return Noted(fault, Example(number, None if item is None else item[:100], field, text))


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reading a feed. `read` items are new, changed, unchanged or left_out (with the
    reason among the problems); `gone` ones were in it before and are no longer, `back` ones are
    again. With an `alarm` the absent ones, `kept`, stay as they were."""

    at: datetime
    format: str = ""
    encoding: str = ""
    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    left_out: int = 0
    back: int = 0
    gone: int = 0
    kept: int = 0
    alarm: str | None = None
    remedy: str | None = None
    problems: list[FeedProblem] = []
    bytes: int = 0
    seconds: float = 0.0


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed as it is kept: `digest` of the bytes that were last taken whole."""

    id: UUID
    key: str
    address: str
    kind: str
    every_seconds: int
    paused: bool
    created_at: datetime
    due_at: datetime
    accepts: bool
    fetches: int
    items: int
    etag: str | None
    last_modified: str | None
    digest: str | None
    turns_at: datetime | None
    failures: int
    tried_at: datetime | None
    taken_at: datetime | None
    error: str | None
    remedy: str | None
    report: Report | None


class VariantFacts(msgspec.Struct, frozen=True):
    """What of a variant goes into what its product has in common."""

    product_id: str
    id: str
    title: str | None
    price: int | None
    compare_at: int | None
    available: bool | None
    image_url: str | None
    url: str | None


class FeedStatus(StrEnum):
    NEW = "new"  # not fetched yet
    OK = "ok"
    ALARM = "alarm"  # it was read, but what is gone from it is not believed
    FAILING = "failing"
    PAUSED = "paused"


class FeedView(msgspec.Struct, frozen=True):
    """`items` stood in it when it was last taken whole; `error` is of the last attempt, if that
    failed, and what was known then stays."""

    key: str
    address: str
    kind: str
    every_minutes: int
    status: FeedStatus
    items: int
    tried_at: datetime | None
    taken_at: datetime | None
    next_at: datetime | None
    error: str | None
    remedy: str | None


def status_of(feed: Feed) -> FeedStatus:
    if feed.paused:
        return FeedStatus.PAUSED
    if feed.error is not None:
        return FeedStatus.FAILING
    if feed.report is None:
        return FeedStatus.NEW
    return FeedStatus.ALARM if feed.report.alarm else FeedStatus.OK


def view(feed: Feed) -> FeedView:
    """A feed as it is shown."""
    alarm = feed.report if feed.error is None else None
    return FeedView(
        feed.key,
        feed.address,
        feed.kind,
        feed.every_seconds // 60,
        status_of(feed),
        feed.items,
        feed.tried_at,
        feed.taken_at,
        None if feed.paused else feed.due_at,
        feed.error if alarm is None else alarm.alarm,
        feed.remedy if alarm is None else alarm.remedy,
    )
