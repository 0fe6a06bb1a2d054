"""Everybody's acts, four bytes each: product, kind, and where a moment and a person begin."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOMENT, BEGINS, KIND = 28, 29, 30
ITEM = np.uint32((1 << MOMENT) - 1)
PERSON = np.uint32(1 << BEGINS)
MOST_ITEMS = 1 << MOMENT


def packed(
    person: "NDArray[np.int32]",
    step: "NDArray[np.int32]",
    item: "NDArray[np.int32]",
    kind: "NDArray[np.int8]",
) -> "NDArray[np.uint32]":
    """The product in the lower 28 bits, whether another moment begins, whether another person does,
    and the kind in the upper two."""
    acts = item.astype(np.uint32)
    acts[1:] |= (step[1:] != step[:-1]).astype(np.uint32) << MOMENT
    acts[1:] |= (person[1:] != person[:-1]).astype(np.uint32) << BEGINS
    acts[:1] |= PERSON
    acts |= kind.astype(np.uint32) << KIND
    return acts
