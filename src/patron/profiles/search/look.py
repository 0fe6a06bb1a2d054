"""Looks people up, a page at a time: whoever was seen last, or whoever goes by what was typed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.kit.cursors import identity, moment, word
from patron.kit.db import Tx
from patron.kit.paging import Page, decode, encode
from patron.kit.problems import bad_request
from patron.profiles.known import name_of, text_of
from patron.profiles.labels import store as labels
from patron.profiles.many import store as many
from patron.profiles.search import store
from patron.profiles.search.store import Hit, Key
from patron.profiles.search.terms import LONGEST, Range, ranges
from patron.profiles.search.types import Found, Match
from patron.shops.types import Shop

ROUNDS = 40
"""So often a page reads on when those it read are not asked for; then it is shorter than it may be,
and its cursor leads on."""

_NOBODY = UUID(int=0)


async def look(
    tx: Tx, shop: Shop, term: str, *, known: bool | None, cursor: str | None, limit: int
) -> Page[Found]:
    """People who go by `term`, in the order of what they were found by; without one all people, the
    last seen first. `known` leaves out visitors without a name, or everybody else."""
    if not term.strip():
        return await _newest(tx, shop, known, decode(cursor, 2), limit)
    if len(term) > LONGEST or not _storable(term):
        raise bad_request(
            f"q of {len(term)} characters cannot be searched for",
            remedy=f"give at most {LONGEST} characters of text",
            path="q",
        )
    asked = ranges(term, await store.folded(tx, term), shop.settings.phone_region)
    given = decode(cursor, 2)
    after = None if given is None else (word(given[0]), identity(given[1]))
    found: list[tuple[Hit, Found]] = []
    for _ in range(ROUNDS):
        hits = await _next(tx, asked, after, limit + 1)
        roots = await _first(tx, asked, hits)
        people = await _shown(tx, shop, list(roots.values()), known)
        for hit in hits:
            person = people.get(roots.get(hit, _NOBODY))
            if person is not None:
                match = Match(hit.kind, hit.key)
                found.append((hit, msgspec.structs.replace(person, matched=match)))
        if len(found) > limit:
            last = found[limit - 1][0]
            return Page([one for _, one in found[:limit]], encode([last.key, str(last.origin)]))
        if len(hits) <= limit:
            return Page([one for _, one in found])
        after = hits[-1].key, hits[-1].origin
    return Page(
        [one for _, one in found], None if after is None else encode([after[0], str(after[1])])
    )


async def _newest(
    tx: Tx, shop: Shop, known: bool | None, given: list[Any] | None, limit: int
) -> Page[Found]:
    before = None if given is None else (moment(given[0]), identity(given[1]))
    found: list[tuple[datetime, UUID, Found]] = []
    for _ in range(ROUNDS):
        seen = await store.newest(tx, before, limit + 1)
        people = await _shown(tx, shop, [root for root, _, _ in seen], known)
        found += [(at, origin, people[root]) for root, at, origin in seen if root in people]
        if len(found) > limit:
            at, origin, _ = found[limit - 1]
            return Page([one for _, _, one in found[:limit]], encode([at.isoformat(), str(origin)]))
        if len(seen) <= limit:
            return Page([one for _, _, one in found])
        before = seen[-1][1:]
    return Page(
        [one for _, _, one in found],
        None if before is None else encode([before[0].isoformat(), str(before[1])]),
    )


async def _next(tx: Tx, asked: Sequence[Range], after: Key | None, limit: int) -> list[Hit]:
    """The first `limit` hits of all ranges behind `after`; what lies in two of them, once."""
    every: set[Hit] = set()
    for one in asked:
        every.update(await store.hits(tx, one, after, limit))
    return sorted(every, key=lambda hit: (hit.place, hit.kind))[:limit]


async def _first(tx: Tx, asked: Sequence[Range], hits: Sequence[Hit]) -> dict[Hit, UUID]:
    """The hits that are the first of their person, each with her root: she is listed once."""
    roots = await store.roots(tx, [hit.origin for hit in hits])
    first: dict[UUID, Hit] = {}
    for one in asked:
        for root, hit in await store.hers(tx, one, sorted(set(roots.values()))):
            if root not in first or _order(hit) < _order(first[root]):
                first[root] = hit
    return {
        hit: root
        for hit in hits
        if (root := roots.get(hit.origin, _NOBODY)) in first and first[root] == hit
    }


def _order(hit: Hit) -> tuple[tuple[bytes, int], str]:
    return hit.place, hit.kind


async def _shown(
    tx: Tx, shop: Shop, roots: Sequence[UUID], known: bool | None
) -> dict[UUID, Found]:
    """People by their roots; those who are not asked for are left out."""
    summaries = await store.summaries(tx, roots, shop.currency)
    people = {root: one.origins for root, one in summaries.items() if known in (None, one.known)}
    traits = await many.traits(tx, people)
    tags = await labels.tags(tx, people)
    found: dict[UUID, Found] = {}
    for root in people:
        one, told = summaries[root], traits[root]
        found[root] = Found(
            id=root,
            known=one.known,
            name=name_of(told),
            email=text_of(told.get("email")),
            phone=text_of(told.get("phone")),
            first_seen=one.first_seen,
            last_seen=one.last_seen,
            tags=tags[root],
            orders=one.orders,
            value=one.worth,
            currency=shop.currency,
        )
    return found


def _storable(text: str) -> bool:
    """Whether PostgreSQL can hold it: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
