"""Deeds in columns, as they are kept: who did what when with which product, as it was said.

Nothing in them is of the moment: people are origins, which stay when two become one, and products
are what the shop called them, which stays when the catalog changes. What both stand for today is
looked up whenever deeds are counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.sorting import order_of_runs

NAMES_MOST = 1_000_000
"""Names of products in one part. If there are more, somebody makes them up: those said most stay,
and the others become the empty name, which is no product's."""
UNTOLD = -1
"""Instead of a number of lines: this telling of the order does not say what was bought."""
MICROS = 1_000_000

Ids = NDArray[np.uint64]
"""Sixteen bytes each, as two numbers a row."""


class Deeds(msgspec.Struct, frozen=True):
    """Views and carts, sorted by origin, second, kind and name; and each telling of an order.

    `who` and `buyer` are rows of `origins`, which rise; `said` and `bought` places in `names`,
    which rise as well. An order's id is the digest `key`; its telling at a `position` of the log
    has `lines` of the names in `bought`, one telling after the other.
    """

    origins: Ids
    names: list[str]
    who: NDArray[np.uint32]
    at: NDArray[np.uint32]  # seconds
    kind: NDArray[np.uint8]
    said: NDArray[np.uint32]
    key: Ids
    position: NDArray[np.int64]
    ordered_at: NDArray[np.int64]  # microseconds
    buyer: NDArray[np.uint32]
    lines: NDArray[np.int32]
    bought: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.who) + len(self.position)


KINDS: Mapping[str, str] = {
    "origins": ">u8", "key": "<u8", "position": "<i8", "ordered_at": "<i8", "who": "<u4",
    "at": "<u4", "said": "<u4", "buyer": "<u4", "lines": "<i4", "bought": "<u4", "kind": "u1",
}  # fmt: skip
"""The columns of numbers, and how they are written: the widest first, so that all lie even, and the
ids of people as the bytes they are, so that a search for one would find her."""


def pairs(ids: Iterable[bytes]) -> Ids:
    """Ids of sixteen bytes as numbers that are ordered as the bytes are."""
    return np.frombuffer(b"".join(ids), ">u8").reshape(-1, 2).astype(np.uint64)


def whole(ids: Ids) -> NDArray[np.bytes_]:
    """The bytes again."""
    return np.frombuffer(ids.astype(">u8").tobytes(), "S16")


def united(many: Sequence[Ids]) -> tuple[Ids, list[NDArray[np.int64]]]:
    """All different ids in rising order, and for each of `many` where in them its own are."""
    every = np.concatenate([np.empty((0, 2), np.uint64), *many])
    place = order_of_runs(every[:, 0], lambda places: every[places, 1])
    ranked = every[place]
    new = np.ones(len(ranked), np.bool_)
    new[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
    number = np.empty(len(every), np.int64)
    number[place] = np.cumsum(new) - 1
    ends = np.cumsum([len(ids) for ids in many])[:-1]
    return ranked[new], np.split(number, ends) if many else []


def merged(parts: Sequence[Deeds], since: int) -> Deeds:
    """All that was done from the second `since` on, as one."""
    ids, places = united([part.origins for part in parts])
    names = sorted({name for part in parts for name in part.names})
    code = {name: number for number, name in enumerate(names)}
    codes = [np.array([code[name] for name in part.names], np.uint32) for part in parts]
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in KINDS if name != "origins"}
    for part, place, known in zip(parts, places, codes, strict=True):
        rows = part.at >= since
        told = part.ordered_at >= since * MICROS
        lines = np.maximum(part.lines, 0)
        found = {
            "who": place[part.who[rows]].astype(np.uint32),
            "said": known[part.said[rows]],
            "buyer": place[part.buyer[told]].astype(np.uint32),
            "bought": known[part.bought[np.repeat(told, lines)]],
        }
        for name, column in columns.items():
            rest = rows if name in ("at", "kind") else told
            column.append(found[name] if name in found else getattr(part, name)[rest])
    joined = {name: np.concatenate(column) for name, column in columns.items()}
    return packed(ids, names, joined)


def without(deeds: Deeds, gone: Ids) -> Deeds | None:
    """The same without these origins, and without what only they said; None if nothing of them is
    there."""
    ids, (theirs, erased) = united([deeds.origins, gone])
    out = np.zeros(len(ids), np.bool_)
    out[erased] = True
    if not out[theirs].any():
        return None
    rows, told = ~out[theirs][deeds.who], ~out[theirs][deeds.buyer]
    columns = {name: getattr(deeds, name)[told] for name in ("key", "position", "ordered_at")}
    columns |= {name: getattr(deeds, name)[told] for name in ("buyer", "lines")}
    columns |= {name: getattr(deeds, name)[rows] for name in ("who", "at", "kind", "said")}
    columns["bought"] = deeds.bought[np.repeat(told, np.maximum(deeds.lines, 0))]
    return packed(deeds.origins, deeds.names, columns)


def packed(ids: Ids, names: list[str], columns: Mapping[str, NDArray[Any]]) -> Deeds:
    """Sorted, and without origins and names that stand in no row. `ids` and `names` rise."""
    found = dict(columns)
    ids, found["who"], found["buyer"] = _used(ids, found["who"], found["buyer"])
    kept = np.bincount(found["said"], minlength=len(names))
    kept += np.bincount(found["bought"], minlength=len(names))
    if int((kept > 0).sum()) > NAMES_MOST:
        names, found["said"], found["bought"] = _often(names, kept, found["said"], found["bought"])
    numbers, found["said"], found["bought"] = _used(
        np.arange(len(names)), found["said"], found["bought"]
    )
    names = [names[number] for number in numbers.tolist()]
    key = (found["who"].astype(np.int64) << 34) | (found["at"].astype(np.int64) << 2)
    place = order_of_runs(key | found["kind"], lambda places: found["said"][places])
    for name in ("who", "at", "kind", "said"):
        found[name] = found[name][place]
    return Deeds(ids, names, **found)


def _used(
    table: NDArray[Any], *columns: NDArray[np.uint32]
) -> tuple[NDArray[Any], NDArray[np.uint32], NDArray[np.uint32]]:
    """The rows of a table that are named in either column, and both as places in these."""
    there = np.zeros(len(table), np.bool_)
    for column in columns:
        there[column] = True
    number = (np.cumsum(there) - 1).astype(np.uint32)
    one, other = (number[column] for column in columns)
    return table[there], one, other


def _often(
    names: list[str], times: NDArray[np.int64], *columns: NDArray[np.uint32]
) -> tuple[list[str], NDArray[np.uint32], NDArray[np.uint32]]:
    """The names said most, the empty one for all others, and both columns as places in these."""
    best = np.sort(np.argsort(-times, kind="stable")[: NAMES_MOST - 1])
    chosen = [names[number] for number in best.tolist()]
    first = 0 if chosen[0] == "" else 1  # the empty name is before all others
    number = np.zeros(len(names), np.uint32)
    number[best] = np.arange(len(best)) + first
    one, other = (number[column] for column in columns)
    return [""] * first + chosen, one, other
