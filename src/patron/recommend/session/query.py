"""What comes next in a visit, asked of an index."""

from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.session.fit import decay, fastest, rarity
from patron.recommend.session.index import LONGEST, Index
from patron.recommend.session.plain import Fresh, Knobs, Question, Source
from patron.recommend.types import Scored

FADING = 86_400.0
"""Seconds after which a step of the same visit counts an e-fold less, whatever its place."""

Visit = tuple["NDArray[np.int32]", "NDArray[np.float64]"]
"""Products, oldest first, and how many seconds ago each was seen."""

NO_VISITS = (
    np.zeros(0, np.int32),
    np.zeros(0, np.float32),
    np.zeros((0, LONGEST), np.int32),
    np.zeros(0, np.int64),
)
NOTHING = Scored(np.zeros(0, np.int32), np.zeros(0, np.float32))


class Ready(msgspec.Struct, frozen=True):
    """What every question to one index needs, worked out once."""

    source: Source
    knobs: Knobs
    step: "NDArray[np.float64]"
    recall: "NDArray[np.float64]"


_ready: "WeakKeyDictionary[Index, Ready]" = WeakKeyDictionary()


def next_items(
    index: Index,
    items: "NDArray[np.int32]",
    ages_s: "NDArray[np.float64]",
    n: int,
    kernels: ModuleType | None = None,
) -> Scored:
    """The `n` products that most likely come next, those of the visit included.

    `items` are the visit's steps, oldest first, `ages_s` how many seconds ago each was taken.
    Products that the index does not know say nothing; from none that it knows nothing follows.
    Scores are shares: of all products they add up to about one.
    """
    ready = ready_for(index)
    question = asked(index, ready, (items, ages_s), index.items)
    if not len(question.items) or n < 1:
        return NOTHING
    none = Fresh(np.zeros(len(question.items) + 1, np.int64), *NO_VISITS)
    return Scored(*(kernels or fastest()).told(ready.source, none, question, ready.knobs, n))


def ready_for(index: Index) -> Ready:
    """The index's arrays as the kernels take them: read-only, as a mapped file is."""
    ready = _ready.get(index)
    if ready is None:
        after = decay(index.distance, LONGEST)
        ready = _ready[index] = Ready(
            Source(*(_read_only(getattr(index, name)) for name in Source._fields)),
            Knobs(
                index.neighbours,
                after,
                after * index.before,
                index.mix,
                index.returns,
                index.repeat,
                float(rarity(np.zeros(1, np.int64), len(index.session_start) - 1, index.idf)[0]),
            ),
            decay(index.step, index.last),
            decay(index.recall, index.last),
        )
    return ready


def asked(index: Index, ready: Ready, visit: Visit, below: int) -> Question:
    """The visit's last different products with a number below `below`, the newest first, and what
    each has to say."""
    items, ages_s = visit
    back: dict[int, int] = {}
    for place, item in enumerate(items[: -index.last - 1 : -1].tolist()):
        if 0 <= item < below:
            back.setdefault(item, place)
    age = np.asarray(ages_s, np.float64)[::-1]
    steps: slice | NDArray[np.int64] = slice(0, len(back))
    if len(back) and len(back) != place + 1:  # some came twice, or are not known
        steps = np.array([*back.values()], np.int64)
    age = age[steps]
    fading = np.exp(np.maximum(age - (age[0] if len(age) else 0.0), 0.0) / -FADING)
    return Question(
        np.array([*back], np.int32),
        ready.step[steps] * fading,
        ready.recall[steps] * fading,
        index.back[steps] * fading,
    )


def _read_only(array: "NDArray[Any]") -> "NDArray[Any]":
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view
