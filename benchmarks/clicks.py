"""Made-up clicks of a large shop, in files that are mapped: as many as one likes, always the same.

A visit stays in one of many groups of fifty products, some groups and some products far more
popular than others (Zipf), and strays now and then. A person has two visits at random moments of 90
days.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from patron.recommend.types import Interactions

COLUMNS = {"person": np.int32, "item": np.int32, "at": np.int64, "kind": np.int8,
           "basket": np.int32, "session": np.int32}  # fmt: skip
SPAN = 90 * 86_400
GROUP = 50
STRAYING = 0.1
AT_ONCE = 1_000_000


class Size(NamedTuple):
    """How many of each; 64 million clicks make 12 million visits of a million products."""

    clicks: int
    products: int

    @property
    def visits(self) -> int:
        return self.clicks * 3 // 16


def write(folder: Path, size: Size) -> None:
    """Write the columns of `Interactions` into a folder, sorted by person, then time."""
    rng = np.random.default_rng(1)
    more = rng.poisson(rng.gamma(1.2, (size.clicks / size.visits - 1) / 1.2, size.visits))
    lengths: NDArray[np.int32] = (1 + more).astype(np.int32)
    ends = np.cumsum(lengths, dtype=np.int64)
    out = {
        name: np.lib.format.open_memmap(
            folder / f"{name}.npy", mode="w+", dtype=kind, shape=(int(ends[-1]),)
        )
        for name, kind in COLUMNS.items()
    }
    for low in range(0, size.visits, AT_ONCE):
        high = min(low + AT_ONCE, size.visits)
        visit = np.repeat(np.arange(low, high), lengths[low:high])
        rows = slice(int(ends[low] - lengths[low]), int(ends[high - 1]))
        begin = rng.integers(0, SPAN, high - low)
        pairs = begin[: (high - low) // 2 * 2].reshape(-1, 2)
        pairs.sort(axis=1)  # a person's first visit is the earlier one
        step = np.arange(rows.start, rows.stop) - np.repeat(
            ends[low:high] - lengths[low:high], lengths[low:high]
        )
        out["session"][rows] = visit
        out["person"][rows] = visit // 2
        out["at"][rows] = np.repeat(begin, lengths[low:high]) + step * 20
        out["item"][rows] = products(rng, lengths[low:high], size.products)
        out["basket"][rows] = -1
        out["kind"][rows] = 0
    for column in out.values():
        column.flush()


def products(rng: np.random.Generator, lengths: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """The products of visits of these lengths, one visit after the other."""
    groups = count // GROUP
    group = np.repeat(_zipf(rng, groups, len(lengths)), lengths)
    stray = rng.random(len(group)) < STRAYING
    group[stray] = _zipf(rng, groups, int(stray.sum()))
    scattered = (group * 7_919) % groups  # neighbours in number are not neighbours in popularity
    return (scattered * GROUP + _zipf(rng, GROUP, len(group))).astype(np.int32)


def _zipf(rng: np.random.Generator, count: int, size: int) -> NDArray[np.int64]:
    """Numbers below `count`, number k about as often as 1 / (k + 1) says."""
    drawn = np.exp(rng.random(size) * np.log(count + 1)).astype(np.int64) - 1
    kept: NDArray[np.int64] = np.minimum(drawn, count - 1)
    return kept


def read(folder: Path, size: Size) -> Interactions:
    """The columns, mapped."""
    columns = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in COLUMNS}
    return Interactions(**columns, people=(size.visits + 1) // 2, items=size.products)


def asking(size: Size, questions: int, steps: int) -> NDArray[np.int32]:
    """Visits that are not in the files, `steps` products each."""
    rng = np.random.default_rng(2)
    lengths = np.full(questions, steps, np.int32)
    return products(rng, lengths, size.products).reshape(questions, steps)
