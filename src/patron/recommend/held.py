"""The last days of a history are held back, to ask about them what only the days before know."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from patron.recommend.types import Interactions

if TYPE_CHECKING:
    from numpy.typing import NDArray


LONGEST = 50
"""Steps after which a visit is no longer asked about: a robot would ask a million times."""


class Held(msgspec.Struct, frozen=True):
    """A history cut in two at a moment: no visit stands in both."""

    before: Interactions
    after: Interactions
    moment: int  # second; visits that ended by then are in `before`


class Questions(msgspec.Struct, frozen=True):
    """Beginnings of visits and what came next.

    Question q knows the steps `items[first[q]:last[q]]`, the oldest first, taken `ages_s` before
    the step that is asked about, and should find `wanted[q]`, the product of row `last[q]`.
    """

    first: "NDArray[np.int64]"
    last: "NDArray[np.int64]"
    items: "NDArray[np.int32]"
    at: "NDArray[np.int64]"

    def __len__(self) -> int:
        return len(self.last)

    @property
    def wanted(self) -> "NDArray[np.int32]":
        return self.items[self.last]

    def known(self, question: int) -> "tuple[NDArray[np.int32], NDArray[np.float64]]":
        """Steps of a question, oldest first, and how many seconds before the wanted each was."""
        steps = slice(self.first[question], self.last[question])
        return self.items[steps], (self.at[self.last[question]] - self.at[steps]).astype(np.float64)


class SetQuestions(msgspec.Struct, frozen=True):
    """Questions in which no order counts: question q knows `given[q]` and should find any of
    `wanted[q]`, all of them different."""

    given: "list[NDArray[np.int32]]"
    wanted: "list[NDArray[np.int32]]"

    def __len__(self) -> int:
        return len(self.wanted)


def evenly(count: int, most: int) -> "NDArray[np.int64]":
    """Places of at most `most` of `count` questions, evenly over all."""
    return np.arange(0, count, max(1, -(-count // most)))


def newest_rows(history: Interactions, rows: int) -> Interactions:
    """At most about `rows` rows, the newest: what a search counts again and again is bounded."""
    if len(history) <= rows:
        return history
    return history.where(history.at > np.partition(history.at, -rows)[-rows])


def newest_visits(history: Interactions, visits: int) -> Interactions:
    """The rows of the newest visits, about so many; the history itself if it has no more."""
    if not len(history):
        return history
    last = np.append(np.flatnonzero(history.session[1:] != history.session[:-1]), len(history) - 1)
    ended = history.at[last]
    if len(ended) <= visits:
        return history
    moment = np.partition(ended, len(ended) - visits)[len(ended) - visits]
    return history.where(np.repeat(ended >= moment, np.diff(last, prepend=-1)))


def hold_back(history: Interactions, share: float) -> Held:
    """Cut off the newest visits, about `share` of all; rows without a visit are cut at the same
    moment. Raises ValueError for a share that is not between 0 and 1."""
    if not 0 < share < 1:
        raise ValueError(f"the share of visits to hold back is {share}; give one between 0 and 1")
    if not len(history):
        return Held(history, history, 0)
    edge = np.flatnonzero(history.session[1:] != history.session[:-1])
    last = np.append(edge, len(history) - 1)
    ended = history.at[last]
    visits = np.sort(ended[history.session[last] >= 0])
    ends = visits if len(visits) else np.sort(ended)
    moment = int(ends[int(len(ends) * (1 - share))]) - 1
    when = np.repeat(ended, np.diff(last, prepend=-1))
    late = np.where(history.session >= 0, when, history.at) > moment
    return Held(history.where(~late), history.where(late), moment)


def questions(after: Interactions, most: int, shortest: int = 1) -> Questions:
    """Up to about `most` questions: every beginning of `shortest` to 50 steps of visits that are
    spread evenly over those given. A product that comes twice is asked for twice."""
    inside = np.zeros(len(after), np.int64)
    if len(after):
        start = np.append(0, np.flatnonzero(after.session[1:] != after.session[:-1]) + 1)
        inside = np.arange(len(after)) - np.repeat(start, np.diff(start, append=len(after)))
    asked = np.flatnonzero((inside >= shortest) & (inside <= LONGEST) & (after.session >= 0))
    if len(asked) > most:
        visit = np.unique(after.session[asked], return_inverse=True)[1]
        every = -(-len(asked) // most)
        asked = asked[visit % every == 0]
    return Questions(asked - inside[asked], asked, after.item, after.at)
