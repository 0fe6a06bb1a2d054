"""Seconds from `patron serve` on existing data to the first request that may come."""

import time

from figure import show
from house import running

ROUNDS = 5


def main() -> None:
    with running() as house:
        house.open_shop()
        took = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            house.start()
            took.append(time.perf_counter() - began)
            house.stop()
    took.sort()
    note = f"median of {ROUNDS} starts until /readyz answers 200; slowest {took[-1]:.2f} s"
    show("start", took[ROUNDS // 2], "s", note=note)


if __name__ == "__main__":
    main()
