"""The index of people by their features: sparse all through, so that it grows with what people did
and never with people times people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.segments.alike.measuring import PARTS, kind_of, rarity

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

PAIR = np.dtype([("feature", "<u4"), ("weight", "u1")])
FULL = 255
FEWEST = 2
"""People who must share a feature for it to tell anything."""
MOST_FEATURES = 200_000
"""Different ones; what is met later is left out."""


class Posting(msgspec.Struct, frozen=True):
    """Who has a feature, by number in order, and how much of it; `people` have any of it."""

    id: int
    feature: str
    people: int
    mean: float
    who: NDArray[np.uint32]
    weights: NDArray[np.uint8]


class Gathered:
    """Features of people, one after the other, as three flat arrays that grow."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._who: list[NDArray[np.uint32]] = []
        self._feature: list[NDArray[np.uint32]] = []
        self._weight: list[Floats] = []
        self.people = 0

    def add(self, people: Iterable[Mapping[str, float]]) -> None:
        """The next people, who get the next numbers."""
        who: list[int] = []
        feature: list[int] = []
        weight: list[float] = []
        for hers in people:
            for name, one in hers.items():
                number = self._ids.get(name)
                if number is None:
                    if len(self._ids) == MOST_FEATURES:
                        continue
                    number = self._ids[name] = len(self._ids)
                who.append(self.people)
                feature.append(number)
                weight.append(one)
            self.people += 1
        self._who.append(np.array(who, np.uint32))
        self._feature.append(np.array(feature, np.uint32))
        self._weight.append(np.array(weight, np.float32))

    def index(self) -> "Index":
        who = np.concatenate([*self._who, np.empty(0, np.uint32)])
        feature = np.concatenate([*self._feature, np.empty(0, np.uint32)])
        weight = np.concatenate([*self._weight, np.empty(0, np.float32)])
        names = list(self._ids)
        common = np.bincount(feature, minlength=len(names))
        weight = self._weighed(names, who, feature, weight, common)
        told = np.round(weight * FULL).astype(np.uint8)
        kept = (common[feature] >= FEWEST) & (told > 0)
        return Index(self.people, names, common, who[kept], feature[kept], told[kept])

    def _weighed(
        self,
        names: Sequence[str],
        who: NDArray[np.uint32],
        feature: NDArray[np.uint32],
        weight: Floats,
        common: Numbers,
    ) -> Floats:
        """As `measuring.weighed`, for everybody at once."""
        rare = np.array([rarity(int(one), self.people) for one in common], np.float32)
        kinds = {kind: n for n, kind in enumerate(PARTS)}
        kind = np.array([kinds[kind_of(name)] for name in names], np.int64)
        part = np.array([PARTS[kind_of(name)] for name in names], np.float32)
        weight = weight * rare[feature]
        group = who.astype(np.int64) * len(kinds) + kind[feature]
        lengths = np.bincount(group, weights=weight * weight)
        found = weight * np.sqrt(part)[feature] / np.sqrt(lengths)[group]
        whole = np.sqrt(np.bincount(who, weights=found * found))
        return np.asarray(found / whole[who], np.float32)


class Index(msgspec.Struct):
    """Triples of person, feature and weight, by person; `common` people have each feature."""

    people: int
    names: list[str]
    common: Numbers
    who: NDArray[np.uint32]
    feature: NDArray[np.uint32]
    weight: NDArray[np.uint8]

    def postings(self) -> Iterator[Posting]:
        """By feature."""
        order = np.argsort(self.feature, kind="stable")
        who, weight = self.who[order], self.weight[order]
        ends = np.cumsum(np.bincount(self.feature, minlength=len(self.names)))
        begin = 0
        for number, end in enumerate(ends.tolist()):
            if end > begin:
                part = weight[begin:end]
                mean = float(part.sum()) / FULL / self.people
                name, count = self.names[number], int(self.common[number])
                yield Posting(number, name, count, mean, who[begin:end], part)
            begin = end

    def packed(self) -> list[bytes]:
        """Each person's features."""
        pairs = np.empty(len(self.who), PAIR)
        pairs["feature"], pairs["weight"] = self.feature, self.weight
        ends = np.cumsum(np.bincount(self.who, minlength=self.people)) * PAIR.itemsize
        whole, found, begin = pairs.tobytes(), [], 0
        for end in ends.tolist():
            found.append(whole[begin:end])
            begin = end
        return found


def scored(people: int, postings: Iterable[tuple[float, Posting]]) -> Floats:
    """How alike each person is to somebody who has so much of each posting's feature."""
    found = np.zeros(people, np.float32)
    for weight, posting in postings:
        # A person stands once in a posting, so that nothing is added twice to one place.
        found[posting.who] += posting.weights * np.float32(weight / FULL)
    return found


def best(scores: Floats, most: int) -> Numbers:
    """The numbers of the highest scores above nothing, the highest first; of equals the lowest
    number."""
    there = np.flatnonzero(scores > 0)
    if len(there) > most:
        least = np.partition(scores[there], len(there) - most)[len(there) - most]
        there = there[scores[there] >= least]
    order = np.lexsort((there, -scores[there]))
    return np.asarray(there[order][:most], np.int64)


def middle(packed: Sequence[bytes], features: int) -> Floats:
    """The average of people's features, by id."""
    pairs = np.frombuffer(b"".join(packed), PAIR)
    sums = np.bincount(pairs["feature"], weights=pairs["weight"], minlength=features)
    return (sums / (FULL * max(1, len(packed)))).astype(np.float32)
