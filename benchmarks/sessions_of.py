"""Visits out of files of either layout: for training as a history, for testing as questions.

Parquet: training has `session`, `items` in the order of time, no clock: visits are taken as an hour
apart; the test has `prefix`, `target`. TSV: `SessionId`, `ItemId`, `Time` in seconds.
"""

import csv
import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from patron.recommend.held import questions
from patron.recommend.types import Interactions

HOUR = 3_600


class Asked(NamedTuple):
    """What a visit has seen, oldest first, how many seconds ago, and what came next."""

    items: NDArray[np.int32]
    ages_s: NDArray[np.float64]
    wanted: int


def shortest(train: Path) -> int:
    """Steps that the layout's questions know at least: with `prefix` columns two."""
    return 2 if train.suffix == ".parquet" else 1


def history(train: Path) -> tuple[Interactions, NDArray[np.int64]]:
    """The training file, and which product each number stands for."""
    if train.suffix == ".parquet":
        items = pq.read_table(train)["items"].combine_chunks()
        session = np.repeat(np.arange(len(items)), np.diff(np.asarray(items.offsets)))
        at = session * HOUR
        names, item = np.unique(np.asarray(items.values), return_inverse=True)
    else:
        session, raw, at = _lines(train)
        names, item = np.unique(raw, return_inverse=True)
    return _interactions(session, item, at, len(names)), names.astype(np.int64)


def asked(test: Path, names: NDArray[np.int64]) -> list[Asked]:
    """Every beginning of the test file's visits; a product unknown in training has number -1."""
    if test.suffix == ".parquet":
        table = pq.read_table(test)
        wanted = _numbers(np.asarray(table["target"]), names)
        prefixes = [np.array(prefix) for prefix in table["prefix"].to_pylist()]
        return [
            Asked(_numbers(prefix, names), np.zeros(len(prefix)), int(target))
            for prefix, target in zip(prefixes, wanted, strict=True)
        ]
    session, raw, at = _lines(test)
    every = questions(_interactions(session, _numbers(raw, names), at, len(names)), len(raw))
    return [Asked(*every.known(q), int(every.wanted[q])) for q in range(len(every))]


def _lines(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    with gzip.open(path, "rt", newline="") as file:
        rows = [
            (int(row["SessionId"]), int(row["ItemId"]), float(row["Time"]))
            for row in csv.DictReader(file, delimiter="\t")
        ]
    rows.sort(key=lambda row: (row[0], row[2]))
    session, item, at = zip(*rows, strict=True)
    return np.array(session), np.array(item), np.array(at).astype(np.int64)


def _numbers(raw: NDArray[np.int64], names: NDArray[np.int64]) -> NDArray[np.int32]:
    place = np.minimum(np.searchsorted(names, raw), len(names) - 1)
    return np.where(names[place] == raw, place, -1).astype(np.int32)


def _interactions(
    session: NDArray[np.int64], item: NDArray[np.int64] | NDArray[np.int32],
    at: NDArray[np.int64], items: int,
) -> Interactions:  # fmt: skip
    visit = np.unique(session, return_inverse=True)[1].astype(np.int32)
    return Interactions(
        visit,
        item.astype(np.int32),
        at.astype(np.int64),
        np.zeros(len(item), np.int8),
        np.full(len(item), -1, np.int32),
        visit,
        int(visit.max()) + 1,
        items,
    )
