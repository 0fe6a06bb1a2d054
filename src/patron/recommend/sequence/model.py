"""Shapes of "recommended for you": what can be chosen, and what is counted.

Neighbours of products by how near they stand in the sequences of people: Sarwar et al. 2001
(item-based collaborative filtering, doi:10.1145/371920.372071); the weight that falls with the
distance as in the sequential rules of Ludewig and Jannach 2018
(doi:10.1007/s11257-018-9209-6). For a product i and a product j of one person, d steps apart,

    c(i, j) += w(i) w(j) / (d^near n^length)           where j came after i
    c(i, j) += backward w(i) w(j) / (d^near n^length)  where j came before i
    s(i, j)  = c(i, j) / ((pop(i) + shift)^from_power (pop(j) + shift)^to_power)

with w the weight of the kind of act (view < cart < buy) and n how many acts the person has. A
person who had q_0 (newest), q_1, … is offered j by  sum_a decay^a w(q_a) s(q_a, j).
"""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Params(msgspec.Struct, frozen=True):
    """What is chosen on a shop's own last days."""

    window: int = 20  # how many rows apart two products of a person still are neighbours
    backward: float = 0.35  # what the way back counts, against the way forward
    near: float = 0.5  # power of the distance
    length: float = 0.0  # power of the number of a person's acts
    from_power: float = 0.4
    to_power: float = 0.2
    shift: float = 2.0
    decay: float = 0.7  # of the weight of what she had, a step back
    view: float = 0.3
    cart: float = 0.6
    kept: int = 100  # neighbours of a product
    newest: int = 5_000  # occurrences of a product that are looked at
    acts: int = 1_000  # newest acts of a person that count: a robot has no more of a say
    had: int = 50  # rows of a person's past that are asked with


class Index(msgspec.Struct, frozen=True):
    """For product i, `item[start[i]:start[i+1]]` are its neighbours, the nearest first. It knows
    no person: a neighbour is a sum over all who had both."""

    start: "NDArray[np.int64]"
    item: "NDArray[np.int32]"
    score: "NDArray[np.float32]"
    items: int
    decay: float
    had: int
    view: float  # weight of a view in the query, against the strongest kind of act there is
    cart: float
    buy: float
