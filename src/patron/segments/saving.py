"""Saving segments: a rule is read and checked, and history is read for it if it asks for more."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from patron.events import store as events
from patron.kit.db import Tx
from patron.kit.problems import bad_request, conflict, not_found
from patron.segments import store as people
from patron.segments.computed import store as computed
from patron.segments.forms.computed import with_definitions
from patron.segments.lists import store as lists
from patron.segments.lists.naming import KEY, checked, key_of, named
from patron.segments.live.book import needed_of, programs_of
from patron.segments.live.program import Program
from patron.segments.live.streams import Kept
from patron.segments.members import store as members
from patron.segments.predictions import keeping as predictions
from patron.segments.rules.language import Rule, Scope, needs, parse
from patron.segments.rules.reading import Misread
from patron.segments.saved import store
from patron.segments.saved.types import KeptStream, Segment, Status
from patron.segments.telling import OF_OURS
from patron.shops.types import Shop

MOST_SEGMENTS = 500
TAKEN = frozenset(["ready-made", "movement", "suggestions"])
"""What stands where a key would, in the addresses of segments."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a segment; None leaves as it is what is there."""

    name: str | None = None
    description: str | None = None
    rule: Mapping[str, Any] | None = None
    paused: bool | None = None


async def create(
    tx: Tx, shop: Shop, key: str | None, draft: Draft, now: datetime, ready_made: str | None = None
) -> Segment:
    """Save a new segment. Raises Misread for its rule, Problem 400 for its name or key, 409 when
    there is one of this key."""
    name = checked((key or "") if draft.name is None else draft.name)
    await store.one_by_one(tx)
    key = _key(key, name)
    rule = with_definitions(dict(draft.rule or {}), await computed.definitions(tx))
    there = await store.every(tx)
    if len(there) >= MOST_SEGMENTS:
        raise conflict(
            f"there are {MOST_SEGMENTS} segments already", remedy="delete one that nobody uses"
        )
    parsed = await check(tx, key, rule, there)
    segment = Segment(
        id=0,
        key=key,
        name=name,
        description=(draft.description or "").strip(),
        rule=rule,
        ready_made=ready_made,
        status=Status.PAUSED if draft.paused else await _first_status(tx, parsed),
        done=0,
        total=0,
        created_at=now,
        changed_at=now,
        asked_at=None,
    )
    id = await store.insert(tx, segment)
    if id is None:
        raise conflict(f"there is a segment {key!r} already", remedy="choose another key")
    await store.turn_page(tx)
    if await store.terms(tx) is None:
        await store.set_terms(tx, terms_of(shop))
    return msgspec.structs.replace(segment, id=id)


async def change(tx: Tx, shop: Shop, key: str, draft: Draft, now: datetime) -> Segment:
    """Change a segment. With another rule everybody is asked anew; until then it stands as it was.
    Raises Misread, Problem 400 for its name, 404."""
    await store.one_by_one(tx)
    before = await existing(tx, key)
    rule = before.rule
    if draft.rule is not None:
        rule = with_definitions(dict(draft.rule), await computed.definitions(tx))
    parsed = await check(tx, key, rule, await store.every(tx))
    paused = before.status == Status.PAUSED if draft.paused is None else draft.paused
    status = before.status
    if paused:
        status = Status.PAUSED
    elif rule != before.rule or before.status == Status.PAUSED:
        status = await _first_status(tx, parsed)
    after = msgspec.structs.replace(
        before,
        name=before.name if draft.name is None else checked(draft.name),
        description=before.description if draft.description is None else draft.description.strip(),
        rule=rule,
        ready_made=before.ready_made if rule == before.rule else None,
        status=status,
        changed_at=now,
    )
    await store.change(tx, after)
    await _drop_unwanted(tx, shop)
    return after


async def remove(tx: Tx, shop: Shop, key: str) -> Segment:
    """Delete a segment and who was in it. Problem 404, or 409 naming the segments that ask for
    it."""
    await store.one_by_one(tx)
    segment = await existing(tx, key)
    users = [one.key for one in await store.every(tx) if key in named(one.rule, "segment")]
    if users:
        raise conflict(
            f"segment {key!r} is asked for by {', '.join(users)}",
            remedy="change or delete these first",
        )
    await members.forget(tx, segment.id)
    await store.delete(tx, segment.id)
    await _drop_unwanted(tx, shop)
    return segment


async def _drop_unwanted(tx: Tx, shop: Shop) -> None:
    """Drop the streams that nobody asks for since: the walk leaves no records of them from here on,
    so whoever asks again must have history read anew."""
    wanted = await _wanted(tx, ZoneInfo(shop.time_zone))
    await store.drop_streams(
        tx, [one.id for one in await store.streams(tx) if one.key not in wanted]
    )
    await store.turn_page(tx)


async def existing(tx: Tx, key: str) -> Segment:
    """The segment of this key; Problem 404 names those there are."""
    found = await store.by_key(tx, key)
    if found is None:
        raise not_found("segment", key)
    return found


async def scope(tx: Tx) -> Scope:
    """What a rule may name in this shop: its lists, segments, computed traits and
    predictions."""
    return Scope(
        lists=await lists.keys(tx),
        segments=await store.keys(tx),
        computed=await computed.definitions(tx),
        predictions=await predictions.known(tx),
    )


async def check(tx: Tx, key: str, rule: Mapping[str, Any], there: list[Segment]) -> Rule:
    """Read a rule that is to be saved under `key`. Raises Misread: for what cannot be read, for a
    segment or list that is not there, for a circle of segments."""
    known = frozenset(one.key for one in there) | {key}
    there_is = msgspec.structs.replace(await scope(tx), segments=known)
    parsed = parse(dict(rule), there_is)
    wanted = needs(parsed)
    if own := sorted(wanted.names & OF_OURS):
        raise Misread("$", own[0], ['{"segment": key}'], "a segment cannot ask for this event")
    asks = {one.key: named(one.rule, "segment") for one in there} | {key: set(wanted.segments)}
    if circle := _circle(key, asks):
        raise Misread("$", " → ".join(circle), [], "segments ask for each other in a circle")
    return parsed


def _circle(key: str, asks: Mapping[str, set[str]]) -> list[str]:
    """A way from `key` back to itself, or nothing."""
    ways = [[key]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for one in sorted(asks.get(way[-1], ())):
            if one == key:
                return [*way, key]
            if one not in seen:
                seen.add(one)
                ways.append([*way, one])
    return []


def _key(key: str | None, name: str) -> str:
    made = key_of(name) if key is None else key
    if made in TAKEN:
        raise bad_request(
            f"key {made!r} has a meaning of its own",
            remedy=f"give a key such as {made}-people",
            path="key",
        )
    if not re.match(KEY, made):
        raise bad_request(
            f"key {made!r} is not 1 to 60 of a-z, 0-9, - and _, beginning with a letter or digit",
            remedy="give a key such as loyal-customers",
            path="key",
        )
    return made


async def _first_status(tx: Tx, rule: Rule) -> Status:
    """Nothing is to be read or asked where nothing has happened and nobody is known; but a rule
    that asks for events needs its streams first."""
    wanted = needs(rule)
    if wanted.names or wanted.kinds or wanted.liking:
        return Status.FILLING
    return Status.SETTLING if await people.anybody(tx) else Status.ON


async def number_streams(tx: Tx, shop: Shop) -> list[KeptStream]:
    """Number the streams that segments wait for, and drop those that nobody asks for any more; the
    streams that are to be filled.

    The walk stands still meanwhile, so what it walks next leaves records of them. A stream whose
    filling was broken off begins anew under another number.
    """
    position = await events.standstill(tx)
    there = await store.streams(tx)
    wanted = await _wanted(tx, ZoneInfo(shop.time_zone))
    spare = {one.id for one in there if one.key not in wanted or not one.filled}
    filled = [one for one in there if one.filled and one.key in wanted]
    missing: list[tuple[str, Kept]] = []
    for key, kept in wanted.items():
        covering = _covering(filled, key, kept)
        if covering:
            newest = max(covering)
            spare |= {one.id for one in filled if one.key == key and one.id < newest}
        else:
            missing.append((key, kept))
    await store.drop_streams(tx, spare)
    added = [await store.add_stream(tx, key, kept, position) for key, kept in missing]
    if spare or added:
        await store.turn_page(tx)
    return [one for one in await store.streams(tx) if one.id in added]


async def ready(tx: Tx, shop: Shop) -> list[int]:
    """The segments that wait for history no longer: all that their rules ask is there. One that was
    saved while history was read waits for the next time."""
    filled = [one for one in await store.streams(tx) if one.filled]
    waiting = {one.key: one for one in await store.every(tx) if one.status == Status.FILLING}
    return [
        waiting[key].id
        for key, program in programs_of(waiting.values(), ZoneInfo(shop.time_zone)).items()
        if all(_covering(filled, *wanted) for wanted in _kept_by(program).items())
    ]


def terms_of(shop: Shop) -> str:
    """What of a shop's settings decides how rules answer: when its days begin, what its money is,
    whom it may write to."""
    settings = shop.settings
    grounds = [settings.legal_basis, settings.existing_customer_countries, settings.purposes]
    told = [shop.time_zone, shop.currency, grounds]
    return msgspec.json.encode(told, order="deterministic").decode()


async def heed_terms(tx: Tx, shop: Shop) -> None:
    """Have everybody asked again whose answer other settings of the shop may change."""
    before, now = await store.terms(tx), terms_of(shop)
    if before is None or before == now:
        return
    await store.set_terms(tx, now)
    was, is_ = msgspec.json.decode(before), msgspec.json.decode(now)
    asking = [
        one
        for one in await store.every(tx)
        if one.status == Status.ON and (was[:2] != is_[:2] or needs(parse(one.rule)).reach)
    ]
    # A day of another zone is another question: its history may have to be read.
    await store.set_status(tx, [one.id for one in asking], Status.FILLING)
    await store.turn_page(tx)


async def _wanted(tx: Tx, zone: ZoneInfo) -> dict[str, Kept]:
    """What all segments together need of each stream."""
    wanted: dict[str, Kept] = {}
    kept = [one for one in await store.every(tx) if one.status != Status.PAUSED]
    for program in programs_of(kept, zone).values():
        for key, need in _kept_by(program).items():
            wanted[key] = need if key not in wanted else wanted[key].joined(need)
    return wanted


def _kept_by(program: Program) -> dict[str, Kept]:
    return {key: kept for key, (_, kept) in program.streams.items()}


def _covering(filled: Sequence[KeptStream], key: str, kept: Kept) -> list[int]:
    """The numbers of the streams in which what is needed of `key` is found."""
    return [one.id for one in filled if one.key == key and needed_of(one).covers(kept)]
