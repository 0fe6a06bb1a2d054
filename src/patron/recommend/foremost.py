"""The best of what a compiled loop has met."""

from typing import Any

import numpy as np

from patron.recommend.compiling import compiled


@compiled
def foremost(score: Any, met: Any, n: int) -> Any:
    """Of the products `met` the `n` with the highest `score` (of all products), best first; of
    equals the lower number comes first.

    A heap with the least of the best on top: numpy's sorting would take the compiler ten times as
    long, which whoever starts the program waits for.
    """
    size = min(n, len(met))
    heap = np.empty(size, met.dtype)
    if size == 0:
        return heap
    for k in range(size):
        heap[k] = met[k]
    for k in range(size // 2 - 1, -1, -1):
        _sink(score, heap, k, size)
    for k in range(size, len(met)):
        if _worse(score, heap[0], met[k]):
            heap[0] = met[k]
            _sink(score, heap, 0, size)
    for last in range(size - 1, 0, -1):
        heap[0], heap[last] = heap[last], heap[0]
        _sink(score, heap, 0, last)
    return heap


@compiled
def _worse(score: Any, one: int, other: int) -> bool:
    """Whether `one` comes after `other`."""
    same: bool = score[one] == score[other]
    return bool(one > other if same else score[one] < score[other])


@compiled
def _sink(score: Any, heap: Any, place: int, size: int) -> None:
    """Puts what stands at `place` below everything that is worse."""
    while True:
        least = place
        for below in (2 * place + 1, 2 * place + 2):
            if below < size and _worse(score, heap[below], heap[least]):
                least = below
        if least == place:
            return
        heap[place], heap[least] = heap[least], heap[place]
        place = least
