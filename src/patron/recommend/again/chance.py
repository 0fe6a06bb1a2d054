"""How probable it is that somebody buys something again within the next days.

scipy.special is imported where it is used: it takes a fifth of a second, and most processes that
know of this module, commands among them, never ask it anything.
"""

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from patron.recommend.again.intervals import Habits, Pairs, log_days
from patron.recommend.again.model import DAY
from patron.recommend.again.purchases import Purchases

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEATURES = (
    "one", "due", "urgent", "visit", "times", "since", "since_any", "baskets", "rate", "share",
    "lately", "repeat",
)  # fmt: skip
OWN_PRIOR = 2.0
"""Intervals of the product's mean that her own are weighed against."""
PERSON_PRIOR = 5.0
"""The same for how much slower she is than others."""
LEAST_SPREAD, PAUSE_SPREAD = 0.35, 1.0
"""Standard deviation of log days: the least of a product's, and that between two baskets."""
FADE = 0.9
URGENT = -2.0
"""Logit above which what is due may count more than in proportion."""


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
    from scipy.special import logit

    her = _people(lines, found, habits, now, horizon_days)
    gap = habits.gap[found.item].astype(np.float64)
    expected = gap + her.slower[found.person]
    mean = (found.gaps + OWN_PRIOR * expected) / (found.times - 1 + OWN_PRIOR)
    spread = np.maximum(LEAST_SPREAD, habits.spread[found.item])
    repeat = habits.repeat[found.item].astype(np.float64)
    loyal = (found.times - 1 + repeat) / found.times
    seconds = np.maximum(0, now - found.last)
    due = logit(_comes(seconds, mean, spread, loyal, horizon_days))
    features = np.column_stack(
        [
            np.ones(len(mean)),
            due,
            np.maximum(0.0, due - URGENT),
            her.visit[found.person],
            np.log(found.times),
            np.log1p(seconds / DAY),
            her.since[found.person],
            her.baskets[found.person],
            her.rate[found.person],
            logit(found.times / (her.count[found.person] + 1.0)),
            np.log(_lately(lines, found) / her.faded[found.person] + 1e-3),
            logit(np.clip(repeat, 1e-4, 1 - 1e-4)),
        ]
    )
    return Look(features, mean)


def _comes(
    seconds: "NDArray[np.int64]",
    mean: "NDArray[np.float64]",
    spread: "NDArray[np.float64] | NDArray[np.float32]",
    loyal: "NDArray[np.float64]",
    horizon_days: float,
) -> "NDArray[np.float64]":
    """Probability that what did not come for so long comes within the horizon."""
    from scipy.special import ndtr

    passed = ndtr((log_days(seconds) - mean) / spread)
    ahead = ndtr((np.log(np.exp(log_days(seconds)) + horizon_days) - mean) / spread)
    loyal = np.minimum(0.99, loyal)
    comes: NDArray[np.float64] = loyal * (ahead - passed) / (1 - loyal * passed)
    return np.clip(comes, 1e-6, 1 - 1e-6)


def _lately(lines: Purchases, found: Pairs) -> "NDArray[np.float64]":
    """Of each pair the sum of FADE^(baskets since)."""
    items = max(1, lines.items)
    place = np.searchsorted(
        found.person * np.int64(items) + found.item, lines.person * np.int64(items) + lines.item
    )
    faded = FADE ** lines.back.astype(np.float64)
    return np.bincount(place, weights=faded, minlength=len(found.item)).astype(np.float64)


class _Her(msgspec.Struct, frozen=True):
    slower: "NDArray[np.float64]"  # log of how many times the usual interval she takes
    since: "NDArray[np.float64]"  # log days since she bought anything
    count: "NDArray[np.float64]"  # baskets
    baskets: "NDArray[np.float64]"  # their log
    rate: "NDArray[np.float64]"  # log of her baskets of late
    visit: "NDArray[np.float64]"  # logit of the probability that she buys anything
    faded: "NDArray[np.float64]"  # sum of FADE^(baskets since) of all her baskets


def _people(lines: Purchases, found: Pairs, habits: Habits, now: int, horizon_days: float) -> _Her:
    from scipy.special import logit

    people = lines.people
    gap = habits.gap[found.item].astype(np.float64)
    off = np.bincount(found.person, weights=found.gaps - gap * (found.times - 1), minlength=people)
    spans = np.bincount(found.person, weights=found.times - 1.0, minlength=people)
    start = np.flatnonzero(np.append(True, lines.basket[1:] != lines.basket[:-1])[: len(lines)])
    who, at, back = lines.person[start], lines.at[start], lines.back[start]
    last = np.zeros(people, np.int64)
    last[who] = at  # sorted by time: the last one stays
    count = np.bincount(who, minlength=people).astype(np.float64)
    pauses = np.zeros(len(who))
    pauses[1:] = np.where(who[1:] == who[:-1], log_days(np.diff(at)), 0.0)
    between = np.bincount(who, weights=pauses, minlength=people)
    mean = (between + OWN_PRIOR * habits.pause) / (np.maximum(0, count - 1) + OWN_PRIOR)
    since = np.maximum(0, now - last)
    visit = _comes(since, mean, np.full(people, PAUSE_SPREAD), count / (count + 1), horizon_days)
    # Baskets that fade with e-folds of sixty days: how often she comes at present.
    lately = np.bincount(who, weights=np.exp(-(now - at) / (60.0 * DAY)), minlength=people)
    faded: NDArray[np.float64]
    faded = np.bincount(who, FADE ** back.astype(np.float64), people).astype(np.float64)
    return _Her(
        off / (spans + PERSON_PRIOR), np.log1p(since / DAY), count, np.log1p(count),
        np.log(lately + 0.01), logit(visit), faded,
    )  # fmt: skip


def probability(
    features: "NDArray[np.float64]",
    weights: "NDArray[np.float64]",
    seen: "tuple[NDArray[np.float64], NDArray[np.float64]]",
    held: "tuple[NDArray[np.float64], NDArray[np.float64]]",
) -> "NDArray[np.float64]":
    """What the regression says of features within what was `seen` (low, high), put right by what
    came of it: `held` (said, came)."""
    from scipy.special import expit

    raw: NDArray[np.float64] = expit(np.clip(features, *seen) @ weights)
    return np.interp(raw, *held) if len(held[0]) else raw
