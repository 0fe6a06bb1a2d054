"""What one wants to see of people in a list of them."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from patron.kit.db import Tx
from patron.profiles import store as profiles
from patron.profiles.known import best, name_of
from patron.profiles.many import store as many
from patron.profiles.types import Identifier
from patron.segments import store


class Face(msgspec.Struct, frozen=True):
    """`name` as she gave it."""

    user_id: str | None
    email: str | None
    phone: str | None
    name: str | None


async def faces(tx: Tx, roots: Sequence[UUID]) -> dict[UUID, Face]:
    """A face for each of these people."""
    families = await store.families(tx, roots)
    people = {root: families[root] for root in roots}
    traits = await many.traits(tx, people)
    names: dict[UUID, list[Identifier]] = {}
    for one in await profiles.identifiers(
        tx, sorted({o for some in people.values() for o in some})
    ):
        names.setdefault(one.origin_id, []).append(one)
    found = {}
    for root, origins in people.items():
        user = best([one for origin in origins for one in names.get(origin, ())], "user_id")
        told = traits[root]
        email, phone = told.get("email"), told.get("phone")
        found[root] = Face(None if user is None else user.value, email, phone, name_of(told))
    return found
