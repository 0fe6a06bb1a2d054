"""Will she buy it again within seven days? Calibration and recall, over every product she has had.

    python benchmarks/recommend_replenish.py [--train FILE --test FILE]

Without files, completejourney (simulated-based) and online_retail_ii, of which the last seven days
are held out. Everything is learned from the training file. Beside it: personal frequency, a steady
rate since her first order.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from baskets_of import history, invoices, pairs_of, simulated_journeys
from figure import show
from frozen import SHARED, files, measured
from patron.recommend.again.fit import fit
from patron.recommend.again.intervals import pairs
from patron.recommend.again.model import DAY, Params
from patron.recommend.again.purchases import purchases
from patron.recommend.again.query import everybody

DAYS = 7
BINS = 15
K = 10
INVOICES = SHARED / "online_retail_ii/online_retail_ii_merged.parquet"


def cut(path: Path, folder: Path) -> tuple[Path, Path]:
    """Writes what was bought before the last seven days, and in them."""
    table = invoices(path)
    moment = pc.max(table["at"]).as_py() + 1 - DAYS * DAY
    paths = folder / f"train-{path.name}", folder / f"test-{path.name}"
    late = pc.greater_equal(table["at"], moment)
    for target, rows in zip(paths, (pc.invert(late), late), strict=True):
        pq.write_table(table.filter(rows), target)
    return paths


def freeze(train: Path) -> Params:
    return Params()


def score(params: Params, train: Path, test: Path) -> None:
    past, people, items = history(train)
    name = train.name.removeprefix("train-").split(".")[0].split("_merged")[0]
    now = int(past.at.max()) + 1
    began = time.perf_counter()
    index = fit(past, params)
    fitted = time.perf_counter() - began
    lines = purchases(past)
    found = pairs(lines)
    key = found.person * np.int64(past.items) + found.item
    began = time.perf_counter()
    who, due = everybody(index, lines, now)
    asked = time.perf_counter() - began
    chance = np.zeros(len(key))
    chance[np.searchsorted(key, who * np.int64(past.items) + due.items)] = due.chance
    came = np.isin(key, pairs_of(test, people, items, past.items)).astype(np.float64)
    began_at = np.full(past.people, now)
    np.minimum.at(began_at, found.person, found.first)
    days = np.maximum(1.0, (now - began_at[found.person]) / DAY)
    rate = 1.0 - np.exp(-found.times / days * DAYS)
    note = (
        f"{len(key)} pairs of customer and product, {int(came.sum())} bought again; fit"
        f" {fitted:.1f} s, {asked / past.people * 1e3:.2f} ms a customer; reference: personal"
        " frequency"
    )
    share = float(came.mean())
    for figure, of in (
        ("calibration_error", calibration_error),
        ("brier", lambda said, then: float(((said - then) ** 2).mean())),
        ("recall_at_base", recall_at_base),
    ):
        show(f"{name}_{figure}", of(chance, came), "", reference=of(rate, came), note=note)
    show(f"{name}_brier_of_the_mean", share * (1 - share), "", note="everybody gets the mean")
    mine, theirs = (recall_of_lists(found.person, said, came) for said in (chance, found.times))
    show(f"{name}_recall{K}", mine, "", reference=theirs, note="of each customer's list")


def calibration_error(said: NDArray[np.float64], came: NDArray[np.float64]) -> float:
    """Expected calibration error: bins of as many pairs each, weighted alike (Guo et al. 2017)."""
    parts = np.array_split(np.argsort(said, kind="stable"), BINS)
    return float(
        sum(len(part) * abs(said[part].mean() - came[part].mean()) for part in parts) / len(said)
    )


def recall_at_base(said: NDArray[np.float64], came: NDArray[np.float64]) -> float:
    """Share of what was bought again among as many of the likeliest pairs."""
    many = int(came.sum())
    return float(came[np.argsort(-said, kind="stable")[:many]].sum() / max(1, many))


def recall_of_lists(
    person: NDArray[np.int32],
    said: NDArray[np.float64] | NDArray[np.int64],
    came: NDArray[np.float64],
) -> float:
    """Share of what was bought again that stands in the lists of `K` of each customer."""
    order = np.lexsort((-said, person))
    sorted_person = person[order]
    place = np.arange(len(order)) - np.searchsorted(sorted_person, sorted_person)
    return float(came[order[place < K]].sum() / max(1.0, came.sum()))


def main() -> None:
    if len(sys.argv) > 1:
        measured(*files(INVOICES, INVOICES), freeze, score)
        return
    if not INVOICES.exists():
        raise SystemExit(f"there is no {INVOICES}; give --train and --test")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for whole in (simulated_journeys(folder), INVOICES):
            measured(*cut(whole, folder), freeze, score)


if __name__ == "__main__":
    main()
