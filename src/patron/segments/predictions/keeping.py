"""Keeps predictions that the shop brings: whole versions of scores, each of a person."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from patron.kit.db import Tx
from patron.kit.problems import bad_request, conflict, not_found
from patron.profiles.address import normalise_email, normalise_phone
from patron.profiles.named_store import Name, roots_of
from patron.profiles.store import roots
from patron.segments.lists.naming import named
from patron.segments.predictions import store
from patron.segments.predictions.types import OWN, Kind, Prediction, Source, cuts_of
from patron.segments.rules.dates import as_date, micros
from patron.segments.rules.operators import as_number
from patron.segments.saved import store as saved
from patron.shops.types import Shop

MOST = 50
LARGEST = 1e15
LONGEST_LABEL = 100
SHOWN = 20
AT_ONCE = 5_000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


class Score(msgspec.Struct, frozen=True):
    """A row: whom (`email:…`, `user_id:…`, `phone:…`, a profile id, or a bare e-mail address or
    user id), and a number or an ISO 8601 date. `row` counts as the caller does."""

    row: int
    person: str
    value: Any


class Unread(msgspec.Struct, frozen=True):
    """A row that was left out, and why."""

    row: int
    person: str
    problem: str


class Brought(msgspec.Struct, frozen=True):
    """What came of it: of `rows` scores those of `people` count as `version`; `left_out` were left
    out, the first twenty of them are named."""

    name: str
    version: int
    rows: int
    people: int
    left_out: int
    problems: list[Unread]


async def bring(
    tx: Tx,
    shop: Shop,
    name: str,
    label: str | None,
    kind: Kind,
    scores: Sequence[Score],
    now: datetime,
) -> Brought:
    """Publish scores as the next version of a prediction; whoever is not among them has none any
    more. Of several scores of a person the last counts. Nobody is made who is not there.

    Problem 400 for a name or label that cannot be kept, 409 for one of Patron's own, for another
    kind than it had, and when there are fifty.
    """
    check_name(name)
    label = " ".join((label or name).split())
    if not 1 <= len(label) <= LONGEST_LABEL or not label.isprintable():
        raise bad_request(
            f"label {label[:80]!r} cannot be kept",
            remedy=f"give 1 to {LONGEST_LABEL} printable characters",
            path="label",
        )
    await store.lock(tx)
    before = await store.one(tx, name)
    if before is not None and before.kind != kind:
        raise conflict(
            f"prediction {name!r} is a {before.kind}", remedy="give another name, or take it away"
        )
    if before is None and len(await store.every(tx)) >= MOST + len(OWN):
        raise conflict(f"there are {MOST} predictions already", remedy="take one away")
    await store.put(tx, name, label, kind, Source.SHOP)
    problems: list[Unread] = []
    values: dict[UUID, float] = {}
    for start in range(0, len(scores), AT_ONCE):
        some = scores[start : start + AT_ONCE]
        people = await _people(tx, shop, {one.person for one in some})
        for one in some:
            root, number = people.get(one.person), _number(one.value, kind, shop)
            if root is None:
                problems.append(Unread(one.row, one.person[:200], "nobody is known so"))
            elif number is None:
                wanted = "number" if kind == Kind.NUMBER else "ISO 8601 date"
                problems.append(Unread(one.row, one.person[:200], f"the value is no {wanted}"))
            else:
                values[root] = number
    said = f"{len(values):,} people have a score of {len(scores):,} that were brought"
    version = await store.publish(tx, name, values, cuts_of(list(values.values())), now, said)
    return Brought(name, version, len(scores), len(values), len(problems), problems[:SHOWN])


def check_name(name: str) -> None:
    """Problem 400 for what is no name, 409 for one of Patron's own."""
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"name {name[:80]!r} is no name of a prediction",
            remedy="give small letters, digits and _, a letter first, sixty at most",
            path="name",
        )
    if name in OWN:
        raise conflict(
            f"Patron makes the prediction {name!r} itself", remedy="give yours another name"
        )


async def existing(tx: Tx, name: str) -> Prediction:
    """Problem 404 for one that is not there."""
    found = await store.one(tx, name) if _NAME.fullmatch(name) else None
    if found is None:
        raise not_found("prediction", name)
    return found


async def drop(tx: Tx, name: str) -> None:
    """Problem 404, 409 for one of Patron's own or one that segments ask for."""
    if name in OWN:
        check_name(name)
    await existing(tx, name)
    users = [one.key for one in await saved.every(tx) if name in named(one.rule, "predicted")]
    if users:
        raise conflict(
            f"prediction {name!r} is asked for by {', '.join(users)}",
            remedy="change or delete these segments first",
        )
    await store.drop(tx, name)


async def known(tx: Tx) -> dict[str, Kind]:
    """The kinds of all that a rule may name; Patron's own before they are made, too."""
    return {name: kind for name, (kind, _) in OWN.items()} | await store.kinds(tx)


async def _people(tx: Tx, shop: Shop, terms: Iterable[str]) -> dict[str, UUID]:
    """The root of whoever each term names; those of nobody are missing."""
    names: dict[str, list[Name]] = {}
    ids: dict[str, UUID] = {}
    for term in terms:
        try:
            ids[term] = UUID(term)
        except ValueError:
            names[term] = _named(term, shop.settings.phone_region)
    found = await roots_of(tx, {name for some in names.values() for name in some})
    there = await roots(tx, sorted(set(ids.values())))
    return {term: there[id] for term, id in ids.items() if id in there} | {
        term: found[first]
        for term, some in names.items()
        if (first := next((one for one in some if one in found), None)) is not None
    }


def _named(term: str, region: str) -> list[Name]:
    """The identifiers that a term may mean."""
    if "\0" in term or any("\ud800" <= c <= "\udfff" for c in term):
        return []
    kind, colon, given = (part.strip() for part in term.partition(":"))
    if colon and kind in ("email", "phone", "user_id", "anonymous_id"):
        if kind == "email":
            email = normalise_email(given)
            given = given if email is None else email[1]
        elif kind == "phone":
            given = normalise_phone(given, region) or given
        return [(kind, given)]
    email = normalise_email(term)
    return ([] if email is None else [("email", email[1])]) + [("user_id", term.strip())]


def _number(value: Any, kind: Kind, shop: Shop) -> float | None:
    if kind == Kind.DATE:
        at = as_date(value, ZoneInfo(shop.time_zone))
        return None if at is None else float(micros(at.astimezone(UTC)))
    number = as_number(value)
    if number is None or not isfinite(number) or abs(number) > LARGEST:
        return None
    return float(number)
