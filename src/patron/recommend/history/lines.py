"""From the lake's events to deeds: who looked at, added or ordered what."""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.kit.lake import Lake
from patron.recommend.history.deeds import MICROS, UNTOLD, Deeds, packed, pairs, united
from patron.recommend.types import Kind

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 1_000_000
LONGEST_NAME = 500
"""Letters; whatever is longer is no product's name."""
BATCH = 200_000
LAST_SECOND = 2**32 - 1


Columns = tuple[NDArray[np.int64], ...]


class Names(msgspec.Struct, frozen=True):
    """What the shop calls the events that count."""

    viewed: str
    added: str
    ordered: str

    def __iter__(self) -> Iterator[str]:
        return iter((self.viewed, self.added, self.ordered))


class _Bought(msgspec.Struct):
    order_id: Any = None
    products: Any = msgspec.UNSET


class _Order(msgspec.Struct):
    properties: _Bought = msgspec.field(default_factory=_Bought)


_read_order: Callable[[str], _Order] = msgspec.json.Decoder(_Order).decode
_SQL = """
    SELECT position, epoch_us(ts) AS at, CAST(origin_id AS VARCHAR) AS origin, name,
        CASE WHEN name <> $ordered THEN coalesce(
            json_extract_string(body, '$.properties.product_id'),
            json_extract_string(body, '$.properties.sku')) END AS product,
        CASE WHEN name = $ordered THEN message_id END AS message,
        CASE WHEN name = $ordered THEN body END AS body
    FROM read_parquet($files)
    WHERE position > $after AND position <= $upto AND ts >= make_timestamptz($since)
        AND list_contains($names, name)
"""


class Span(msgspec.Struct, frozen=True):
    """What of the log is read: the positions behind `after` up to `upto`, and of these what
    happened from the second `since` on."""

    after: int
    upto: int
    since: int


def read(lake: Lake, names: Names, span: Span, gone: Collection[bytes]) -> Iterator[Deeds]:
    """What the lake has of a span of the log, some deeds at a time. Whoever is `gone` is left out:
    the lake may still have her."""
    import duckdb

    files = lake.files()
    if not files:
        return
    some = _Some(names, gone)
    asked = {
        "files": files,
        "names": list(names),
        "ordered": names.ordered,
        "after": span.after,
        "upto": span.upto,
        "since": span.since * MICROS,
    }
    with duckdb.connect(config={"memory_limit": "1GB", "threads": 1}) as db:
        for batch in db.sql(_SQL, params=asked).to_arrow_reader(BATCH):
            some.take(batch)
            if len(some) >= ROWS_AT_ONCE:
                yield some.deeds()
                some = _Some(names, gone)
    if len(some):
        yield some.deeds()


class _Some:
    """Collects deeds, and numbers origins and names on the way."""

    def __init__(self, names: Names, gone: Collection[bytes]) -> None:
        self._names, self._gone = names, gone
        self._origins: dict[bytes, int] = {}
        self._said: dict[str, int] = {}
        self._deeds: list[Columns] = []
        self._tellings: list[tuple[bytes, int, int, int, int]] = []
        self._lines: list[int] = []
        self._many = 0

    def __len__(self) -> int:
        return self._many + len(self._lines) + len(self._tellings)

    def take(self, batch: "pa.RecordBatch") -> None:
        who = _coded(batch.column("origin"), self._origin)
        at = batch.column("at").to_numpy()
        second = at // MICROS
        there = (who >= 0) & (second >= 0) & (second <= LAST_SECOND)
        kind = _coded(batch.column("name"), self._kind)
        said = _coded(batch.column("product"), self._product)
        rows = np.flatnonzero(there & (kind != Kind.BUY) & (said >= 0))
        self._deeds.append((who[rows], second[rows], kind[rows], said[rows]))
        self._many += len(rows)
        orders = np.flatnonzero(there & (kind == Kind.BUY))
        if len(orders):
            some = batch.take(orders)
            columns = (some.column(name).to_pylist() for name in ("message", "body", "position"))
            for message, body, position, *rest in zip(
                *columns, at[orders].tolist(), who[orders].tolist(), strict=True
            ):
                self._take_order(message, body, position, *rest)

    def _take_order(self, message: str, body: str, position: int, at: int, who: int) -> None:
        try:
            told = _read_order(body).properties
        except msgspec.DecodeError:
            return
        lines, count = told.products, UNTOLD
        if lines is not msgspec.UNSET:
            products = [_of_line(line) for line in lines] if isinstance(lines, list) else []
            numbers = [self._said.setdefault(one, len(self._said)) for one in products if one]
            self._lines += numbers
            count = len(numbers)
        order = _text(told.order_id)
        key = blake2b((message if order is None else order).encode(), digest_size=16)
        self._tellings.append((key.digest(), position, at, who, count))

    def _origin(self, id: str) -> int:
        """The number of an origin; -1 for one that was erased."""
        told = bytes.fromhex(id.replace("-", ""))
        return -1 if told in self._gone else self._origins.setdefault(told, len(self._origins))

    def _kind(self, name: str) -> int:
        names = self._names
        return int(
            Kind.BUY if name == names.ordered else Kind.VIEW if name == names.viewed else Kind.CART
        )

    def _product(self, said: str) -> int:
        """The number of a name; -1 for none."""
        if said.startswith("["):  # a list, as JSON; or a name that begins so
            with suppress(msgspec.DecodeError):
                said = _text(msgspec.json.decode(said)) or ""
        if not said or len(said) > LONGEST_NAME:
            return -1
        return self._said.setdefault(said, len(self._said))

    def deeds(self) -> Deeds:
        """What was collected."""
        origins, (place,) = united([pairs(self._origins)])
        names = sorted(self._said)
        code = np.empty(len(names), np.uint32)
        code[[self._said[name] for name in names]] = np.arange(len(names))
        who, at, kind, said = (np.concatenate(c) for c in zip(*self._deeds, strict=True))
        tellings = np.array([one[1:] for one in self._tellings], np.int64).reshape(-1, 4)
        return packed(
            origins,
            names,
            {
                "who": place[who].astype(np.uint32),
                "at": at.astype(np.uint32),
                "kind": kind.astype(np.uint8),
                "said": code[said],
                "key": pairs(one[0] for one in self._tellings),
                "position": tellings[:, 0],
                "ordered_at": tellings[:, 1],
                "buyer": place[tellings[:, 2]].astype(np.uint32),
                "lines": tellings[:, 3].astype(np.int32),
                "bought": code[np.array(self._lines, np.int64)],
            },
        )


def _coded(column: "pa.Array", number: Callable[[str], int]) -> NDArray[np.int64]:
    """Each text by its number; -1 where there is none."""
    found = column.dictionary_encode()
    numbers = np.array([*map(number, found.dictionary.to_pylist()), -1], np.int64)
    indices: NDArray[np.int32] = found.indices.fill_null(len(numbers) - 1).to_numpy()
    return numbers[indices]


def _of_line(line: Any) -> str | None:
    """What a line of an order calls its product."""
    if not isinstance(line, dict):
        return None
    told = (_text(line.get(name)) for name in ("product_id", "sku", "variant_id"))
    return next((one for one in told if one is not None), None)


def _text(said: Any) -> str | None:
    """What a property says, of a list its first; None where it says nothing that could be a
    name."""
    if isinstance(said, list):
        said = next((one for one in said if one is not None), None)
    if isinstance(said, str):
        return said if len(said) <= LONGEST_NAME else ""
    if isinstance(said, bool):
        return "true" if said else "false"
    return str(said) if isinstance(said, int | float) else None


def second(moment: datetime) -> int:
    """The second of a moment."""
    return int(moment.timestamp())
