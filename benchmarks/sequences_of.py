"""Histories of the layout "one customer a line: customer product product …, the oldest first".

A file of whole histories is cut in two by `cut`: all but the last product, and the last.
"""

import gzip
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patron.recommend.types import Interactions, Kind

HOUR = 3_600


def cut(whole: Path, folder: Path) -> tuple[Path, Path]:
    """Writes the training file and the test file, customer and last product, into `folder`."""
    rows = list(_lines(whole))
    train, test = folder / f"train-{whole.name}", folder / f"test-{whole.name}"
    _write(train, (row[:-1] for row in rows))
    _write(test, ([row[0], row[-1]] for row in rows))
    return train, test


def history(train: Path) -> tuple[Interactions, dict[str, int], dict[str, int]]:
    """The training file with the numbers of customers and products; acts are an hour apart."""
    rows = list(_lines(train))
    people = {row[0]: number for number, row in enumerate(rows)}
    items: dict[str, int] = {}
    for row in rows:
        for item in row[1:]:
            items.setdefault(item, len(items))
    lengths = np.array([len(row) - 1 for row in rows])
    number = np.array([items[one] for row in rows for one in row[1:]], np.int32)
    person = np.repeat(np.arange(len(rows)), lengths).astype(np.int32)
    at = np.arange(len(number), dtype=np.int64) * HOUR
    kind, none = np.full(len(number), Kind.BUY, np.int8), np.full(len(number), -1, np.int32)
    told = Interactions(person, number, at, kind, none, person, len(rows), len(items))
    return told, people, items


def wanted(
    test: Path, people: dict[str, int], items: dict[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Who is asked about, and the one product of each; -2 for one unknown in training."""
    rows = [row for row in _lines(test) if row[0] in people]
    who = np.array([people[row[0]] for row in rows], np.int64)
    return who, np.array([items.get(row[1], -2) for row in rows], np.int32)


def _lines(path: Path) -> Iterable[list[str]]:
    with gzip.open(path, "rt") as file:
        for line in file:
            yield line.split()


def _write(path: Path, rows: Iterable[list[str]]) -> None:
    with gzip.open(path, "wt") as file:
        file.writelines(" ".join(row) + "\n" for row in rows)
