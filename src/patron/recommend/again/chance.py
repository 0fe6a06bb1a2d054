"""How probable it is that somebody buys something again within the next days."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from scipy.special import expit, logit, ndtr

from patron.recommend.again.intervals import Habits, Pairs, log_days
from patron.recommend.again.model import DAY
from patron.recommend.again.purchases import Purchases

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEATURES = ("one", "due", "times", "since", "since_any", "baskets", "rate", "share", "repeat")
OWN_PRIOR = 2.0
"""Intervals of the product's mean that her own are weighed against."""
PERSON_PRIOR = 5.0
"""The same for how much slower she is than others."""
LEAST_SPREAD = 0.35


class Look(msgspec.Struct, frozen=True):
    """What is seen of each pair of a person and a product at a moment."""

    features: "NDArray[np.float64]"  # pairs × FEATURES
    mean: "NDArray[np.float64]"  # log days in which she is expected to buy it again


def look(
    lines: Purchases,
    found: Pairs,
    habits: Habits,
    now: int,
    horizon_days: float,
) -> Look:
    """The features of all pairs at the second `now`, which lies behind all `lines`."""
    her = _people(lines, found, habits, now)
    gap = habits.gap[found.item].astype(np.float64)
    expected = gap + her.slower[found.person]
    mean = (found.gaps + OWN_PRIOR * expected) / (found.times - 1 + OWN_PRIOR)
    spread = np.maximum(LEAST_SPREAD, habits.spread[found.item])
    seconds = np.maximum(0, now - found.last)
    passed = ndtr((log_days(seconds) - mean) / spread)
    ahead = ndtr((np.log(np.exp(log_days(seconds)) + horizon_days) - mean) / spread)
    repeat = habits.repeat[found.item].astype(np.float64)
    loyal = np.minimum(0.99, (found.times - 1 + repeat) / found.times)
    due = np.clip(loyal * (ahead - passed) / (1 - loyal * passed), 1e-6, 1 - 1e-6)
    features = np.column_stack(
        [
            np.ones(len(due)),
            logit(due),
            np.log(found.times),
            np.log1p(seconds / DAY),
            her.since[found.person],
            her.baskets[found.person],
            her.rate[found.person],
            logit(found.times / (her.count[found.person] + 1.0)),
            logit(np.clip(repeat, 1e-4, 1 - 1e-4)),
        ]
    )
    return Look(features, mean)


class _Her(msgspec.Struct, frozen=True):
    slower: "NDArray[np.float64]"  # log of how many times the usual interval she takes
    since: "NDArray[np.float64]"  # log days since she bought anything
    count: "NDArray[np.float64]"  # baskets
    baskets: "NDArray[np.float64]"  # their log
    rate: "NDArray[np.float64]"  # log of her last baskets a day


def _people(lines: Purchases, found: Pairs, habits: Habits, now: int) -> _Her:
    gap = habits.gap[found.item].astype(np.float64)
    off = np.bincount(
        found.person, weights=found.gaps - gap * (found.times - 1), minlength=lines.people
    )
    spans = np.bincount(found.person, weights=found.times - 1.0, minlength=lines.people)
    last = np.zeros(lines.people, np.int64)
    last[lines.person] = lines.at  # sorted by time: the last one stays
    start = np.flatnonzero(np.append(True, lines.basket[1:] != lines.basket[:-1]))
    start = start[: len(lines)]
    who, at = lines.person[start], lines.at[start]
    count = np.bincount(who, minlength=lines.people).astype(np.float64)
    # Baskets that fade with e-folds of sixty days: how often she comes at present.
    lately = np.exp(-(now - at) / (60.0 * DAY))
    lately = np.bincount(who, weights=lately, minlength=lines.people)
    return _Her(
        off / (spans + PERSON_PRIOR), np.log1p(np.maximum(0, now - last) / DAY), count,
        np.log1p(count), np.log(lately + 0.01),
    )  # fmt: skip


def probability(
    features: "NDArray[np.float64]",
    weights: "NDArray[np.float64]",
    seen: "tuple[NDArray[np.float64], NDArray[np.float64]]",
    held: "tuple[NDArray[np.float64], NDArray[np.float64]]",
) -> "NDArray[np.float64]":
    """What the regression says of features within what was `seen` (low, high), put right by what
    came of it: `held` (said, came)."""
    raw: NDArray[np.float64] = expit(np.clip(features, *seen) @ weights)
    return np.interp(raw, *held) if len(held[0]) else raw
