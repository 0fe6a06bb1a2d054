"""The catalog in columns, kept as it is now: read once, then only what changed.

Prices, stock and what may be shown are changed in place and count at the next answer. What makes
columns of words (a brand, a category, a new product) has them built anew, at once in a shop of a
few thousand products, and at most every `REST` times the time that takes in a larger one.
"""

import asyncio
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.catalog.watching import store as watching
from patron.catalog.watching.store import Seen, Ware
from patron.kit.clock import monotonic
from patron.kit.db import Database
from patron.kit.money import format_money
from patron.recommend.names.known import Names
from patron.recommend.rules.types import NONE, PATH, Goods, Words
from patron.shops.types import Shop

AT_ONCE = 20_000
REST, SHORT = 20, 0.1
CONTENT = "kind"
"""The attribute by which an article of the shop says that it is no product but a guide, a post …"""
PRODUCT = "product"
LARGEST_STOCK = 2**31 - 1
MOST_ATTRIBUTES, MOST_NAMES = 40, 1_000


class Face(msgspec.Struct, frozen=True, omit_defaults=True):
    """A product as an answer shows it; `price` in minor units of `currency`, and as it is read."""

    id: str
    title: str | None = None
    url: str | None = None
    image_url: str | None = None
    price: int | None = None
    compare_at: int | None = None
    currency: str | None = None
    price_text: str | None = None
    brand: str | None = None
    category: str | None = None


class Stock:
    """The goods of one shop. `numbers` gives the number of a product id: those of the models first,
    in their order, then what came later."""

    def __init__(self, db: Database, shop: Shop) -> None:
        self._db = db
        self._shop = shop
        self._wares: dict[str, bytes] = {}  # packed: as objects they take four times as much
        self._seen: Seen | None = None
        self._first: list[str] = []
        self._popularity: NDArray[np.float32] | None = None
        self._repeat: NDArray[np.float32] | None = None
        self.names = Names(db, shop.schema)
        self._dirty = True
        self._built_at = self._took = 0.0
        self._faces: list[Face | None] = []
        self._wires: list[bytes | None] = []
        self.ids: list[str] = []
        self.numbers: Mapping[str, int] = {}
        self.goods: Goods = columns([], [], shop.currency)
        self.generation = 0
        """Another one whenever products are numbered anew."""

    def number_by(
        self,
        items: Sequence[str],
        popularity: NDArray[np.float32] | None,
        repeat: NDArray[np.float32] | None,
    ) -> None:
        """Have products numbered as new models number them."""
        self._first, self._popularity, self._repeat = list(items), popularity, repeat
        self._built_at, self._took, self._dirty = 0.0, 0.0, True

    async def look(self) -> None:
        """Read what changed since the last look; everything at the first."""
        if self._seen is None:
            await self._read_all()
        else:
            await self._read_changes(self._seen)
        rest = REST * self._took if self._took > SHORT else 0.0
        if self._dirty and monotonic() - self._built_at >= rest:
            self._dirty = False
            began = monotonic()
            # The loop goes on answering from the columns that are there.
            self._take(*await asyncio.to_thread(self._build))
            self._built_at = monotonic()
            self._took = self._built_at - began

    async def understand(self, named: Iterable[str]) -> None:
        """Have names read that are no ids of products, unless they are known already."""
        if not self.names.are_read and any(one not in self.numbers for one in named):
            await self.names.wait()

    def number(self, named: str) -> int:
        """The number of the product that is called so: by its id, or else by the name of a variant,
        a SKU, a GTIN. NONE where nobody knows."""
        found = self.numbers.get(named)
        if found is None and (id := self.names.product(named)) is not None:
            found = self.numbers.get(id)
        return NONE if found is None else found

    def unknown(self, named: Iterable[str]) -> list[str]:
        """Those of these names that nobody knows."""
        strange = dict.fromkeys(one for one in named if one not in self.numbers)
        return [one for one in strange if self.number(one) == NONE]

    def wire(self, item: int) -> bytes:
        """The same as the beginning of a JSON object, without its closing brace."""
        found = self._wires[item]
        if found is None:
            found = self._wires[item] = msgspec.json.encode(self.face(item))[:-1]
        return found

    def face(self, item: int) -> Face:
        """How a product is shown."""
        found = self._faces[item]
        if found is None:
            found = self._faces[item] = face(_unpacked(self._wares[self.ids[item]]), self._shop)
        return found

    async def _read_all(self) -> None:
        async with self._db.unit(self._shop.schema) as tx:
            seen = await watching.seen(tx)
        wares: dict[str, bytes] = {}
        after: str | None = None
        while True:
            async with self._db.unit(self._shop.schema) as tx:
                some = await watching.wares(tx, after, AT_ONCE)
            wares.update((ware.id, _packed(ware)) for ware in some)
            if len(some) < AT_ONCE:
                break
            after = some[-1].id
        self._wares, self._seen, self._dirty = wares, seen, True

    async def _read_changes(self, seen: Seen) -> None:
        async with self._db.unit(self._shop.schema) as tx:
            ids, now = await watching.changed(tx, seen)
            found = {
                ware.id: ware
                for begin in range(0, len(ids), AT_ONCE)
                for ware in await watching.these(tx, ids[begin : begin + AT_ONCE])
            }
        for id in ids:
            self._change(id, found.get(id))
        await self.names.look(ids, self.ids)
        self._seen = now  # not before they are read: a lost connection would lose them

    def _change(self, id: str, ware: Ware | None) -> None:
        before = self._wares.get(id)
        number = self.numbers.get(id)
        now = None if ware is None else _packed(ware)
        if before == now:
            return
        if now is None:
            del self._wares[id]
        else:
            self._wares[id] = now
        if number is None:
            self._dirty = self._dirty or ware is not None
            return
        self._faces[number] = self._wires[number] = None
        _set(self.goods, number, ware, self._shop.currency)
        self.goods.touched.add(number)
        same = before is not None and ware is not None and _words(_unpacked(before)) == _words(ware)
        self._dirty = self._dirty or not (same or ware is None)

    def _build(self) -> tuple[list[str], Goods]:
        first = set(self._first)
        ids = [*self._first, *sorted(id for id in self._wares if id not in first)]
        found = (self._wares.get(id) for id in ids)
        wares = (None if one is None else _unpacked(one) for one in found)
        return ids, columns(wares, ids, self._shop.currency, self._popularity, self._repeat)

    def _take(self, ids: list[str], goods: Goods) -> None:
        self.ids, self.goods = ids, goods
        self.numbers = goods.numbers
        self._faces = [None] * len(ids)
        self._wires = [None] * len(ids)
        self.generation += 1


_packed = msgspec.msgpack.Encoder().encode
_unpacked = msgspec.msgpack.Decoder(Ware).decode


def columns(
    wares: Iterable[Ware | None],
    ids: Sequence[str],
    currency: str,
    popularity: NDArray[np.float32] | None = None,
    repeat: NDArray[np.float32] | None = None,
) -> Goods:
    """Columns over `wares`, which are those of `ids`; one that is None is not in the catalog any
    more and never offered. `popularity` and `repeat` may be shorter: those behind have none yet."""
    count = len(ids)
    price, compare_at = np.full((2, count), NONE, np.int64)
    goods = Goods(
        currency=currency,
        price=price,
        compare_at=compare_at,
        in_stock=np.zeros(count, np.bool_),
        stock=np.full(count, NONE, np.int32),
        brand=Words(np.empty(0, np.int32), []),
        category=Words(np.empty(0, np.int32), []),
        parent=np.full(count, NONE, np.int32),
        margin=np.full(count, np.nan, np.float32),
        first_seen=np.full(count, NONE, np.int64),
        popularity=_longer(popularity, count, 0.0),
        repeat=_longer(repeat, count, np.nan),
        shown=np.zeros(count, np.bool_),
        kind=Words(np.empty(0, np.int32), []),
        numbers={id: number for number, id in enumerate(ids)},
    )
    brand, category, kind = Texts(), Texts(), Texts()
    attributes: dict[str, Texts] = {}
    for number, ware in enumerate(wares):
        if ware is None:
            kind.add(number, PRODUCT)
            continue
        _set(goods, number, ware, currency)
        goods.first_seen[number] = int(ware.created_at.timestamp())
        brand.add(number, ware.brand)
        category.add(number, PATH.join(step.strip() for step in ware.categories if step))
        kind.add(number, kind_of(ware))
        for name, said in ware.attributes.items():
            if name not in attributes and len(attributes) < MOST_NAMES:
                attributes[name] = Texts()
            if name in attributes:
                for one in said if isinstance(said, list) else [said]:
                    if isinstance(one, str | int | float):
                        attributes[name].add(number, _text(one))
    most = sorted(attributes, key=lambda name: (-len(attributes[name]), name))[:MOST_ATTRIBUTES]
    return msgspec.structs.replace(
        goods,
        brand=brand.column(count),
        category=category.column(count),
        kind=kind.column(count),
        attributes={name: attributes[name].column(count) for name in most},
    )


class Texts:
    """A column of texts in the making: told in rising order of products, several of one allowed."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._owner = array("i")
        self._code = array("i")

    def __len__(self) -> int:
        return len(self._code)

    def add(self, number: int, text: str | None) -> None:
        """An empty text is none."""
        if text:
            self._owner.append(number)
            self._code.append(self._codes.setdefault(text, len(self._codes)))

    def column(self, count: int) -> Words:
        """The column of `count` products; the words in order, whatever they were told in."""
        words = sorted(self._codes)
        place = np.empty(len(words), np.int32)
        place[[self._codes[word] for word in words]] = np.arange(len(words), dtype=np.int32)
        owner = np.array(self._owner, np.int32)
        code = place[np.array(self._code, np.int32)] if len(words) else np.empty(0, np.int32)
        many = np.bincount(owner, minlength=count)
        if many.max(initial=0) <= 1:
            found = np.full(count, NONE, np.int32)
            found[owner] = code
            return Words(found, words)
        return Words(code, words, np.concatenate([[0], np.cumsum(many)]).astype(np.int64))


def kind_of(ware: Ware) -> str:
    """`product`, or what content it says it is."""
    said = ware.attributes.get(CONTENT)
    return said if isinstance(said, str) and said else PRODUCT


def face(ware: Ware, shop: Shop) -> Face:
    """What an answer says of a product. An address that is no web address is left out."""
    text = None
    if ware.price is not None and ware.currency:
        text = format_money(ware.price, ware.currency, shop.locale)
    return Face(
        id=ware.id,
        title=ware.title,
        url=_link(ware.url),
        image_url=_link(ware.image_url),
        price=ware.price,
        compare_at=ware.compare_at,
        currency=ware.currency if ware.price is not None else None,
        price_text=text,
        brand=ware.brand,
        category=PATH.join(ware.categories) or None,
    )


def _link(url: str | None) -> str | None:
    good = url is not None and url.startswith(("https://", "http://", "/"))
    return url if good else None


def _set(goods: Goods, number: int, ware: Ware | None, currency: str) -> None:
    """Write what may change at any moment."""
    if ware is None:
        goods.shown[number] = False
        return
    # A price in another currency cannot be compared with the others'.
    known = ware.price is not None and ware.price > 0 and ware.currency in (None, currency)
    goods.price[number] = ware.price if known and ware.price is not None else NONE
    before = ware.compare_at if known and ware.compare_at is not None else NONE
    goods.compare_at[number] = max(before, NONE)
    stock = NONE if ware.stock is None else min(max(ware.stock, 0), LARGEST_STOCK)
    goods.stock[number] = stock
    # What says nothing of its stock can be bought: many shops tell only what has run out.
    goods.in_stock[number] = ware.available if ware.available is not None else stock != 0
    goods.margin[number] = np.nan if ware.margin is None else ware.margin
    goods.shown[number] = ware.shown


def _words(ware: Ware) -> tuple[Any, ...]:
    """What makes columns of words."""
    return ware.brand, ware.categories, ware.attributes


def _longer(known: NDArray[np.float32] | None, count: int, rest: float) -> NDArray[np.float32]:
    found = np.full(count, rest, np.float32)
    if known is not None:
        found[: len(known)] = known[:count]
    return found


def _text(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
