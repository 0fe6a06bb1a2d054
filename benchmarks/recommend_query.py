"""How long one answer takes one thread, for each strategy: p50, p90, p99.

    python benchmarks/recommend_query.py [CLICKS] [PRODUCTS] [STRATEGY ...]

What comes next in a visit is asked of 64 million made-up clicks on a million products unless said
otherwise: a function of `STRATEGIES` prepares an index of this size and returns how question k is
asked. All strategies are asked on a real year of orders (`every_strategy`), named `every` here.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from apart import apart
from clicks import Size, asking, read, write
from every_strategy import N as OFFERED
from every_strategy import every
from figure import show
from patron.recommend.session.delta import Recent
from patron.recommend.session.fit import fit
from patron.recommend.session.index import Index, Params
from patron.recommend.session.query import next_items

CLICKS, PRODUCTS = 64_000_000, 1_000_000
QUESTIONS = 20_000
STEPS = 9
"""Products of the visit that asks: most visits have fewer, and are answered faster."""

N = 100
EVERY = "every"

Ask = Callable[[int], object]


def session(size: Size) -> Ask:
    """What comes next in a visit of nine products; the 100 best."""
    index = _index(size)
    visits = asking(size, QUESTIONS, STEPS)
    ages = np.arange(STEPS, 0, -1, dtype=np.float64) * 20
    return lambda k: next_items(index, visits[k], ages, N)


def session_recent(size: Size) -> Ask:
    """The same with 20,000 visits that came after the index was counted."""
    recent = Recent(_index(size))
    fresh = asking(size, 40_000, STEPS)[QUESTIONS:]
    for visit, items in enumerate(fresh.tolist()):
        for item in items:
            recent.seen(str(visit), item, 2**40)
    visits = asking(size, QUESTIONS, STEPS)
    ages = np.arange(STEPS, 0, -1, dtype=np.float64) * 20
    return lambda k: recent.next_items(visits[k], ages, N)


def _index(size: Size) -> Index:
    with tempfile.TemporaryDirectory(prefix="clicks-") as folder:
        write(Path(folder), size)
        return fit(read(Path(folder), size), Params())


STRATEGIES: dict[str, Callable[[Size], Ask]] = {
    "session": session,
    "session_recent": session_recent,
}


def timed(name: str, size: Size) -> tuple[list[float], list[float]]:
    """Seconds by the clock and of the processor: p50, p90, p99, the longest."""
    ask = STRATEGIES[name](size)
    for k in range(100):
        ask(k)  # compiled, and in memory
    clock, processor = np.empty(QUESTIONS), np.empty(QUESTIONS)
    for k in range(QUESTIONS):
        began, worked = time.perf_counter(), time.thread_time()
        ask(k)
        clock[k] = time.perf_counter() - began
        processor[k] = time.thread_time() - worked
    shares = (50, 90, 99, 100)
    return np.percentile(clock, shares).tolist(), np.percentile(processor, shares).tolist()


def tell_every() -> None:
    for name, took in apart(every).items():
        note = f"a year of orders; {took.answered:.0%} of questions had an answer; {OFFERED} offers"
        for share, seconds in zip(("p50", "p90", "p99"), took.seconds, strict=True):
            show(f"query_{name}_{share}", seconds * 1e3, "ms", note=note)


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    known = [*STRATEGIES, EVERY]
    names = [word for word in sys.argv[1:] if not word.isdecimal()] or known
    if unknown := set(names) - set(known):
        raise SystemExit(f"there is no strategy {unknown}; there are: {', '.join(known)}")
    size = Size(*(numbers + [CLICKS, PRODUCTS][len(numbers) :]))
    note = f"{size.clicks:,} clicks, {size.products:,} products, {QUESTIONS:,} questions"
    if EVERY in names:
        names.remove(EVERY)
        tell_every()
    for name in names:
        clock, processor = apart(timed, name, size)
        for share, by_clock, worked in zip(("p50", "p90", "p99"), clock, processor, strict=False):
            show(f"{name}_{share}", by_clock * 1e3, "ms", note=note)
            show(
                f"{name}_{share}_processor", worked * 1e3, "ms", note="waiting for a core left out"
            )


if __name__ == "__main__":
    main()
