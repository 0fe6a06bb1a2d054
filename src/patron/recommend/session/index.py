"""What is remembered of past visits, and the parameters with which it is asked.

VMIS-kNN: Kersbergen, Sprangers, Schelter 2022 (Serenade, doi:10.1145/3514221.3517901) – for each
product only its newest visits are remembered. The weights are those of VSTAN: Ludewig, Mauro,
Latifi, Jannach 2021 (doi:10.1007/s11257-020-09277-1) after STAN: Garg, Gupta, Malhotra, Vig, Shroff
2019 (doi:10.1145/3331184.3331322). For a visit q and a product i

    s(i) = (1 + idf · ln(S / S_i)) · Σ_n  sim(q, n) · exp(-|p_i - p_*| / distance)
    sim(q, n) = Σ_{j in q and n} exp(-back_j / step) · exp(-age_n / recency) / |n|^length

over the `neighbours` most similar visits n, where `back_j` is how many steps ago product j was
looked at, p_i the place of i in n and p_* that of the newest product of q which n shares. What
stands before p_* counts `before` times. Three shares make the answer: these sums, the decayed
transitions of the last products (`mix`), and the products of the visit itself, as often as visits
of this shop return to what they saw k steps before (`returns`).
"""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST = 50
"""Steps of one visit that are remembered, its last ones: nobody's taste is told by more."""


class Params(msgspec.Struct, frozen=True):
    """How visits are remembered and compared. A decay of 0 is none at all."""

    per_item: int = 1_000  # newest visits that are remembered for a product
    neighbours: int = 500  # most similar visits that have a say
    last: int = 15  # last steps of the visit that are asked about
    step: float = 3.0  # e-fold of a step's weight, in steps back
    recency: float = 60.0  # e-fold of a past visit's weight, in days
    length: float = 0.25  # power of a past visit's length that its weight is divided by
    distance: float = 5.0  # e-fold of a product's weight, in steps from the shared one
    before: float = 0.8  # weight of what came before the shared product
    idf: float = 0.5  # how much more rare products count
    mix: float = 0.15  # share of the transitions in the answer
    reach: float = 1.0  # e-fold of a transition's weight, in steps between
    recall: float = 1.0  # e-fold in steps back with which the visit's steps ask for transitions
    returns: float = 0.2  # share of what visits usually return to
    repeat: float = 1.0  # weight of a product that the visit has seen, in the other shares


class Index(Params, frozen=True, kw_only=True, weakref=True, eq=False):
    """Past visits numbered by their end, oldest first, and the lists that lead to them.

    Visit s is `session_items[session_start[s]:session_start[s + 1]]`, in the order of time. Product
    i leads to the visits `item_sessions[item_start[i]:item_start[i + 1]]`, the oldest first, which
    weigh `item_weight`, and to `next_items[next_start[i]:next_start[i + 1]]`, of which each
    has `next_share` of what follows.
    """

    items: int
    newest: int  # the last second that was counted
    session_start: "NDArray[np.int64]"
    session_items: "NDArray[np.int32]"
    item_start: "NDArray[np.int64]"
    item_sessions: "NDArray[np.int32]"
    item_weight: "NDArray[np.float32]"
    rarity: "NDArray[np.float32]"  # 1 + idf · ln(S / S_i) of each product
    back: "NDArray[np.float64]"  # how often a step returns to what was seen k steps before
    next_start: "NDArray[np.int64]"
    next_items: "NDArray[np.int32]"
    next_share: "NDArray[np.float32]"
