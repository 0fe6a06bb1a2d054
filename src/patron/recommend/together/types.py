"""Shapes of "bought together": what can be chosen, and what is counted."""

from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.types import Scored


class Weighing(StrEnum):
    """What makes a companion of a product a good one; formulas in `weigh`."""

    SURE = "sure"  # the lift one can be sure of
    LIKELIHOOD = "likelihood"  # how unlikely so many shared orders are by chance
    SHRUNK = "shrunk"  # lift, with a few orders as expected by chance added


class Params(msgspec.Struct, frozen=True):
    """What is chosen on a shop's own last days."""

    weighing: Weighing = Weighing.SURE
    power: float = 1.0  # how much of a companion's own popularity is divided away: 1 lift, 0 share
    shrinkage: float = 5.0  # of `SHRUNK`: orders as expected by chance that are added
    hours: int = 0  # orders of a person that begin within so many hours count as one; 0: each alone
    least: int = 3  # orders that two products must share
    # Of complements: after how many days an order counts half (0: all count alike), orders as
    # expected by chance that are added, how much of what is bought with everything is left in (0:
    # none, 1: all), and what it counts against a pair that is viewed in one visit, or bought with
    # the same third products.
    half_life_days: float = 0.0
    prior: float = 5.0
    staples: float = 0.0
    views: float = 1.0
    alike: float = 0.5
    kept: int = 40  # companions of a product


class Index(msgspec.Struct, frozen=True):
    """For product i, `item[start[i]:start[i+1]]` are its companions, the best first. It knows
    neither persons nor orders."""

    start: NDArray[np.int64]
    item: NDArray[np.int32]
    score: NDArray[np.float32]  # by which they are ranked; what several speak for adds up
    lift: NDArray[np.float32]  # as counted
    sure: NDArray[np.float32]  # the lower bound of the lift
    support: NDArray[np.int32]  # orders with both
    complement: NDArray[np.float32]  # how well it completes, less what makes the two substitutes
    faded: NDArray[np.float32]  # of each product: its orders, faded
    joins: NDArray[np.float32]  # of each product: in which part of orders of several it is
    prior: float
    staples: float
    orders: int

    def __len__(self) -> int:
        """How many products it knows."""
        return len(self.start) - 1


class Found(Scored, frozen=True):
    """Companions with the figures of the pair that speaks loudest for each."""

    lift: NDArray[np.float32]
    support: NDArray[np.int32]
    because: NDArray[np.int32]  # the product asked with
