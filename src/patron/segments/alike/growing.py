"""Lookalikes: people like those in a segment or on a list, put on a list of their own.

What those people have more of than everybody (J. Rocchio, Relevance feedback in information
retrieval, 1971) is asked of all others by the index; the best of them go onto the list.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import numpy as np

from patron.kit.db import Tx
from patron.kit.problems import Problem, bad_request, not_found
from patron.profiles.changes import store as changes
from patron.segments.alike import store
from patron.segments.alike.indexing import Floats, best, middle, scored
from patron.segments.alike.measuring import MOST as MOST_LIKED
from patron.segments.alike.measuring import kind_of
from patron.segments.lists import keeping
from patron.segments.lists import store as lists
from patron.segments.lists.types import StaticList

FEWEST = 10
"""People there must be something known of, for others to be like them."""
SAMPLED = 20_000
"""Of more a sample says what they are like."""
TELLING = 200
"""So many features of theirs are asked of others."""
MOST = 20_000
TOLD = 5
PLACES = {"segment": "in segment", "list": "on list"}
AT_ONCE = 1_000


class Grown(msgspec.Struct, frozen=True):
    """`of` people say whom others shall be like; `alike_in` is what these like more than everybody,
    the most telling first."""

    made: StaticList
    of: int
    alike_in: list[str]


def source_of(segment: str | None, of_list: str | None) -> tuple[str, str]:
    """("segment", key) or ("list", key). Problem 400 unless exactly one of the two is given."""
    given = [(kind, key) for kind, key in (("segment", segment), ("list", of_list)) if key]
    if len(given) == 1:
        return given[0]
    told = " and ".join(f"{kind} {key!r}" for kind, key in given)
    raise bad_request(
        f"both {told} are given" if given else "neither a segment nor a list is given",
        remedy="give one: those whom the people on the new list shall be like",
        path="segment",
    )


async def grow(
    tx: Tx, name: str, key: str | None, source: tuple[str, str], people: int, now: datetime
) -> Grown:
    """A new list of `people` who are like those in ("segment", key) or on ("list", key), and are
    not among them. Problem 404 when that is not there, 409 when too little is known of them."""
    if not 1 <= people <= MOST:
        raise bad_request(
            f"a list of {people:,} lookalikes cannot be made",
            remedy=f"ask for 1 to {MOST:,} people",
            path="people",
        )
    kind, of = source
    run = await store.run(tx)
    if await store.is_there(tx, kind, of) is False:
        raise not_found(kind, of)
    known = [] if run is None else await store.members(tx, kind, of, SAMPLED)
    if run is None or len(known) < FEWEST:
        raise Problem(
            409,
            "Conflict",
            f"{len(known)} people {PLACES[kind]} {of!r} are known well enough to be compared;"
            f" it takes {FEWEST}",
            remedy="choose one with more people; those who came since last night are compared in"
            " the next, or now with `patron profile similar PERSON --now`",
        )
    means = await store.means(tx)
    size = 1 + max(id for id, _, _ in means)
    average = np.zeros(size, np.float32)
    average[[id for id, _, _ in means]] = [mean for _, _, mean in means]
    names = {id: feature for id, feature, _ in means}
    more = await asyncio.to_thread(_more, [packed for _, packed in known], average)
    weight = {names[id]: by for id, by in more}
    postings = await store.postings(tx, weight)
    asked = [(weight[one.feature], one) for one in postings]
    scores = await asyncio.to_thread(scored, run[1], asked)
    scores[await store.all_numbers(tx, kind, of)] = 0
    # Some are gone or one with others since last night.
    numbers = await asyncio.to_thread(best, scores, people + people // 10 + 50)
    owners = await store.owners(tx, numbers.tolist())
    roots = list(dict.fromkeys(owners[one] for one in numbers.tolist() if one in owners))
    made = await keeping.create(tx, name, key, f"People like those {PLACES[kind]} {of}", now)
    await _put(tx, made, roots[:people], f"people like those {PLACES[kind]} {of}", now)
    told = [names[id] for id, _ in more if kind_of(names[id]) in MOST_LIKED]
    liked = [name.partition(":")[2] for name in told[:TOLD]]
    return Grown(await keeping.found(tx, made.key), len(known), liked)


def _more(packed: Sequence[bytes], average: Floats) -> list[tuple[int, float]]:
    """The features that these people have more of than everybody, and by how much."""
    above = middle(packed, len(average)) - average
    order = np.argsort(-above, kind="stable")[:TELLING]
    return [(int(id), float(above[id])) for id in order if above[id] > 0]


async def _put(tx: Tx, made: StaticList, roots: Sequence[UUID], source: str, now: datetime) -> None:
    for start in range(0, len(roots), AT_ONCE):
        fresh = await lists.add(tx, made.id, sorted(roots[start : start + AT_ONCE]), source, now)
        await changes.note(tx, fresh, now)
