"""The book of a shop's live segments, kept open between batches."""

from zoneinfo import ZoneInfo

from patron.kit.db import Tx
from patron.segments.live.book import Book
from patron.segments.saved import store as saved
from patron.segments.saved.types import Status
from patron.shops.types import Shop

_books: dict[str, tuple[str, Book]] = {}


async def book_of(tx: Tx, shop: Shop) -> Book:
    """The shop's live segments as they are in this transaction."""
    version = await saved.version(tx)
    kept = _books.get(shop.schema)
    if kept is not None and kept[0] == shop.time_zone and kept[1].version == version:
        return kept[1]
    segments = [one for one in await saved.every(tx) if one.status != Status.PAUSED]
    streams = await saved.streams(tx)
    book = Book(version, segments, streams, ZoneInfo(shop.time_zone))
    _books[shop.schema] = (shop.time_zone, book)
    return book


def forget(shop: Shop) -> None:
    """Drop what is remembered of a shop: its transaction was rolled back."""
    _books.pop(shop.schema, None)
