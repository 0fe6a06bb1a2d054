"""People put on lists and taken off by hand, and lists as they are shown."""

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from patron.kit.db import Tx
from patron.kit.problems import Problem, bad_request, conflict
from patron.profiles import store as profiles
from patron.profiles.changes import store as changes
from patron.segments import store as segments
from patron.segments.faces import faces
from patron.segments.lists import store
from patron.segments.lists.naming import KEY, checked, key_of
from patron.segments.lists.types import Membership, StaticList
from patron.shops.types import Shop

AT_ONCE = 1_000


class ListMember(msgspec.Struct, frozen=True):
    """Somebody on a list. `source` is "api", "patron list", or the name of an imported file."""

    id: UUID
    user_id: str | None
    email: str | None
    phone: str | None
    name: str | None
    added_at: datetime
    source: str


class Added(msgspec.Struct, frozen=True):
    """People who are new to the list, who were on it already, and names that nobody has."""

    added: int
    already: int
    unknown: list[str]


class Removed(msgspec.Struct, frozen=True):
    """People who were taken off the list, who were not on it, and names that nobody has."""

    removed: int
    not_on_it: int
    unknown: list[str]


async def create(tx: Tx, name: str, key: str | None, description: str, now: datetime) -> StaticList:
    """A new list; without a key it gets one made of its name. Problem 400 for a name or key that
    cannot be one, 409 for a key that is taken."""
    name = checked(name)
    chosen = key or key_of(name)
    if not re.fullmatch(KEY, chosen):
        raise bad_request(
            f"key {chosen!r} cannot stand in rules",
            remedy="give small letters, digits and hyphens, such as trade-fair",
            path="key",
        )
    if await store.create(tx, chosen, name, description, now) is None:
        raise conflict(f"a list {chosen!r} exists already", remedy="choose another key")
    return await found(tx, chosen)


async def found(tx: Tx, key: str) -> StaticList:
    """The list of this key. Problem 404 names the lists there are."""
    one = await store.by_key(tx, key)
    if one is None:
        raise await nothing(tx, key)
    return one


async def nothing(tx: Tx, key: str) -> Problem:
    there = sorted(await store.keys(tx))
    shown = ", ".join(there[:20]) + (" …" if len(there) > 20 else "")
    remedy = f"there are: {shown}" if there else "there is no list yet"
    return Problem(
        404, "Not found", f"list {key!r} does not exist in this shop", remedy=remedy, path="key"
    )


async def change(
    tx: Tx, key: str, name: str | None, description: str | None, now: datetime
) -> StaticList:
    """Another name or description; the key, which rules know, stays. Problem 400 for a name that
    cannot be one."""
    one = await found(tx, key)
    called = one.name if name is None else checked(name)
    told = one.description if description is None else description
    await store.change(tx, key, called, told, now)
    return await found(tx, key)


async def add(
    tx: Tx, shop: Shop, key: str, people: Sequence[str], source: str, now: datetime
) -> Added:
    """Put people on a list, each given by a profile id or an identifier (`email:…`)."""
    list_id, roots, unknown = await _looked_up(tx, shop, key, people)
    fresh = await store.add(tx, list_id, roots, source, now)
    await changes.note(tx, fresh, now)
    return Added(len(fresh), len(roots) - len(fresh), unknown)


async def remove(tx: Tx, shop: Shop, key: str, people: Sequence[str], now: datetime) -> Removed:
    """Take people off a list, under whatever names they came onto it."""
    list_id, roots, unknown = await _looked_up(tx, shop, key, people)
    families = await segments.families(tx, roots)
    gone = 0
    rows: list[UUID] = []
    for root in roots:
        taken = await store.remove(tx, list_id, families[root])
        gone += bool(taken)
        rows += taken
    await changes.note(tx, rows, now)
    return Removed(gone, len(roots) - gone, unknown)


async def _looked_up(
    tx: Tx, shop: Shop, key: str, people: Sequence[str]
) -> tuple[UUID, list[UUID], list[str]]:
    """(list id, roots of the people, names of nobody); list and people are locked."""
    if len(people) > AT_ONCE:
        raise bad_request(
            f"{len(people):,} people at once are too many",
            remedy=f"give at most {AT_ONCE:,} at a time, or import a file",
            path="people",
        )
    list_id = await store.lock(tx, key)
    if list_id is None:
        raise await nothing(tx, key)
    roots: set[UUID] = set()
    unknown = []
    for who in people:
        root = await profiles.find(tx, who, shop.settings.phone_region)
        if root is None:
            unknown.append(who)
        else:
            roots.add(root)
    await profiles.lock(tx, sorted(roots))
    return list_id, sorted(roots), unknown


async def shown(tx: Tx, rows: Sequence[Membership]) -> list[ListMember]:
    """Rows of a list with what one wants to see of the people."""
    seen = await faces(tx, [row.profile_id for row in rows])
    members = []
    for row in rows:
        her = seen[row.profile_id]
        members.append(
            ListMember(
                row.profile_id,
                her.user_id,
                her.email,
                her.phone,
                her.name,
                row.added_at,
                row.source,
            )
        )
    return members
