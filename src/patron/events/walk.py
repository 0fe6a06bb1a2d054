"""The room's steps of the walk: take the next rows, accept them, write the log, move on.

All in the caller's transaction. What is kept in memory between batches is thrown away by `forget`
when that transaction is rolled back, and is not believed when another walker came in between.
"""

import asyncio
import heapq
import secrets
from collections.abc import Awaitable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Generic, TypeVar

import msgspec

from patron.events import store, walk_store
from patron.events.accept import DROPPED, STEP_SECONDS
from patron.events.ahead import Batch
from patron.events.ecommerce import SPEC
from patron.events.log.dedup import KEPT_KEYS, Recent, first_key
from patron.events.log.orders import words
from patron.events.reading.heard import Heard, Refusal, payloads
from patron.events.reading.values import at_ms
from patron.events.refused import store as refused_store
from patron.events.refused.letters import letter
from patron.events.steps.draft import Draft, Setting
from patron.events.types import IMPORT, Drop, Event, Source
from patron.events.visit.channel import host
from patron.events.visit.sessions import Visitor, pack, unpack, visit, visitor_key
from patron.kit.clock import monotonic
from patron.kit.db import Tx
from patron.kit.log import logger
from patron.shops.types import Shop, own_names

Waiting = walk_store.Waiting
acting_done = store.acting_done
acting_failed = store.acting_failed

log = logger(__name__)

REMEMBERED = timedelta(minutes=2)
LISTED_ROBOTS = 5  # a batch: enough to show the owner what is dropped, too few to fill the disk
_VISITING = frozenset({Source.BROWSER, Source.SERVER})
_recent: dict[str, Recent] = {}
_ahead: dict[str, Batch] = {}
T = TypeVar("T")


class Take(msgspec.Struct):
    """Rows of the inbox that are walked together, and the cursors behind them."""

    batch: Batch
    cursors: dict[int, int]
    count: int
    seen_token: int  # of the walk's row, when it was locked
    next_token: int
    following: Batch | None = None  # what comes next, when it is a full batch


async def take(tx: Tx, shop: Shop, limit: int) -> Take | None:
    """Lock the shop's walk and take its next rows, about `limit` events; None when idle.

    Rows of imports are taken only when nothing else waits. A lane is walked in its own order, and
    lanes are walked side by side in the order of receipt.
    """
    ahead = _ahead.pop(shop.schema, None)
    # Looked at before locking, so that an idle poll writes nothing.
    if ahead is None and not await _waiting(tx):
        return None
    standing = await walk_store.lock(tx)
    waiting = await _waiting(tx)
    rows = _first(waiting, limit)
    if not rows:
        return None
    known = setting(shop)
    if ahead is not None and (ahead.token, ahead.rows) != (standing.seen_token, rows):
        ahead = None
    if ahead is not None and ahead.setting != known:
        ahead = None
    token = secrets.randbits(62)
    following = _following(waiting, rows, limit)
    new = [*([] if ahead else rows), *following]
    bodies = await walk_store.bodies(tx, new) if new else []
    batch = ahead or Batch(rows, bodies[: len(rows)], known)
    return Take(
        batch=batch,
        cursors={row.lane: row.seq for row in rows},
        count=sum(row.count for row in rows),
        seen_token=standing.seen_token,
        next_token=token,
        following=Batch(following, bodies[-len(following) :], known, token) if following else None,
    )


async def look_ahead(shop: Shop, take: Take) -> None:
    """Accept what comes next, a slice at a time, until it is done or this is cancelled.

    It is believed only by the walk behind this one's commit, when no other came in between, and is
    dropped by `forget` as all that is remembered.
    """
    if take.following is None:
        return
    _ahead[shop.schema] = take.following
    try:
        while take.following.accept_some():
            await asyncio.sleep(0)
    except Exception as error:
        # Half accepted it is of no use. The walk meets the error itself where it can act on it.
        _ahead.pop(shop.schema, None)
        log.info("nothing was accepted ahead", extra={"reason": repr(error)})


async def _waiting(tx: Tx) -> list[Waiting]:
    return await walk_store.waiting(tx, "live") or await walk_store.waiting(tx, "import")


def _first(waiting: Iterable[Waiting], limit: int) -> list[Waiting]:
    """The next rows of all lanes, about `limit` events but one row at least."""
    lanes: dict[int, list[Waiting]] = {}
    for row in waiting:
        lanes.setdefault(row.lane, []).append(row)
    taken: list[Waiting] = []
    count = 0
    for row in heapq.merge(*lanes.values(), key=lambda row: row.received_at):
        if taken and count + row.count > limit:
            break
        taken.append(row)
        count += row.count
    return taken


def _following(waiting: list[Waiting], rows: list[Waiting], limit: int) -> list[Waiting]:
    """The rows behind `rows` when they are a full batch; of fewer, more may have come by then."""
    upto = {row.lane: row.seq for row in rows}
    left = [row for row in waiting if row.seq > upto.get(row.lane, -1)]
    found = _first(left, limit)
    return found if len(found) < len(left) else []


async def accept_batch(tx: Tx, shop: Shop, take: Take, now: datetime) -> list[Event]:
    """The events of `take` that are accepted, with session, channel and device, not yet numbered.

    What is refused is written down, duplicates are counted. Once for each take: the events are
    changed on their way.
    """
    drafts, refused = take.batch.accepted()
    drafts = await _timed("drop_duplicate", _drop_duplicates(tx, shop, take, drafts))
    await _timed("put_session", _put_sessions(tx, shop, drafts))
    if refused:
        await _keep_refusals(tx, take, refused, now)
    return [draft.event for draft in drafts]


def setting(shop: Shop) -> Setting:
    """What the steps need to know of a shop."""
    hosts = {name.lower().removeprefix("www.") for name in shop.hosts}
    own = frozenset({*hosts, host(shop.public_url)} - {""})
    names = shop.settings.metrics
    orders = frozenset(names[of] for of in ("revenue", "refunded", "cancelled") if of in names)
    categories = shop.settings.consent_categories
    meant = {said: means for said, means in own_names(names).items() if said not in SPEC}
    return Setting(own, shop.identity_secret, shop.currency, categories, orders, meant)


async def drop_erased(
    tx: Tx, shop: Shop, events: list[Event], erased: Sequence[Event]
) -> list[Event]:
    """`events` without those of erased people, and numbered: each has its log position now."""
    if erased:
        gone = {id(event) for event in erased}
        events = [event for event in events if id(event) not in gone]
        DROPPED.labels("drop_erased", Drop.ERASED).inc(len(erased))
        if imported := sum(event.source is Source.IMPORT for event in erased):
            await walk_store.count_imports_of_erased(tx, imported)
    if events:
        first = await walk_store.take_positions(tx, len(events))
        for position, event in enumerate(events, first):
            event.position = position
    return events


async def record(tx: Tx, shop: Shop, events: Sequence[Event]) -> None:
    """Write numbered events, whose origins are known, to the log, and orders to their table."""
    if not events:
        return
    months = {(event.ts.year, event.ts.month) for event in events}
    await walk_store.ensure_months(tx, [date(year, month, 1) for year, month in months])
    await store.write(tx, events)
    said = words(events, shop.settings.metrics, shop.currency)
    if said:
        await store.save_orders(tx, said)


async def advance(tx: Tx, take: Take) -> None:
    """Move the cursors behind what was taken."""
    await walk_store.advance(tx, take.cursors, take.next_token)


async def bury(tx: Tx, shop: Shop, event: Event, error: Exception, now: datetime) -> None:
    """Put an event that makes the walk fail into `dead_letter`, with what it failed on."""
    reason = f"{type(error).__name__}: {error}"
    entry = refused_store.Entry(event.received_at, Drop.POISON, reason[:2_000], letter(event))
    await refused_store.keep(tx, "dead-letter", [entry], now)


def forget(shop: Shop) -> None:
    """Drop what is remembered of a shop: its transaction was rolled back."""
    _recent.pop(shop.schema, None)
    _ahead.pop(shop.schema, None)


# --- the acting part that waits -----------------------------------------------------------------


class Acting(msgspec.Struct, Generic[T], frozen=True):
    """A postponed acting part: the events as the log has them, and what the carts had said."""

    id: int
    batch: list[Event]
    changes: list[T]


async def queue_acting(
    tx: Tx, part: str, batch: Sequence[Event], changes: Sequence[msgspec.Struct], now: datetime
) -> None:
    """Have the acting room `part` tried again with a batch that is in the log."""
    said = msgspec.json.encode(list(changes))
    await store.queue_acting(tx, part, batch[0].position, batch[-1].position, said, now)


async def next_acting(tx: Tx, part: str, now: datetime, kind: type[list[T]]) -> Acting[T] | None:
    """The oldest batch that waits for a room, locked, if its time has come; `kind` types its
    changes."""
    waiting = await store.next_acting(tx, part, now)
    if waiting is None:
        return None
    batch = await store.by_positions(tx, waiting.first, waiting.last)
    return Acting(waiting.id, batch, msgspec.json.decode(waiting.changes, type=kind))


# --- duplicates ---------------------------------------------------------------------------------


async def _drop_duplicates(tx: Tx, shop: Shop, take: Take, drafts: list[Draft]) -> list[Draft]:
    """The drafts whose message was not taken in before, nor earlier in this batch."""
    keys = [draft.key for draft in drafts]
    imported = {k for k, draft in zip(keys, drafts, strict=True) if draft.event.source is IMPORT}
    seen = await walk_store.known(tx, list(imported), imported=True) if imported else set()
    recent: Recent | None = None
    if others := [k for k in keys if k not in imported] if imported else keys:
        recent = await _memory(tx, shop, take)
        seen |= await _seen_before(tx, recent, others)
    kept: list[Draft] = []
    days: dict[date, list[bytes]] = {}
    new_imports: list[bytes] = []
    received: datetime | None = None
    today: list[bytes] = []
    for k, draft in zip(keys, drafts, strict=True):
        if k in seen:
            continue
        seen.add(k)
        kept.append(draft)
        if k in imported:
            new_imports.append(k)
            continue
        if draft.event.received_at is not received:  # the calls of a batch share it
            received = draft.event.received_at
            today = days.setdefault(received.date(), [])
        today.append(k)
    if len(kept) < len(drafts):
        DROPPED.labels("drop_duplicate", Drop.DUPLICATE).inc(len(drafts) - len(kept))
    if days and recent is not None:
        await walk_store.ensure_days(tx, days)
        await walk_store.remember(tx, days)
        for new in days.values():
            recent.add(new)
    if new_imports:
        await walk_store.remember_imports(tx, new_imports)
    return kept


async def _memory(tx: Tx, shop: Shop, take: Take) -> Recent:
    """What is remembered of the newest messages, read anew unless the last batch was ours."""
    recent = _recent.get(shop.schema)
    if recent is None or recent.token != take.seen_token:
        since = first_key(min(row.received_at for row in take.batch.rows) - REMEMBERED)
        newest = await walk_store.newest_seen(tx, since, KEPT_KEYS // 2)
        if len(newest) == KEPT_KEYS // 2:
            since = newest[-1]
        recent = _recent[shop.schema] = Recent(take.seen_token, since, newest)
    # From here on it holds what only this transaction knows.
    recent.token = take.next_token
    return recent


async def _seen_before(tx: Tx, recent: Recent, keys: Sequence[bytes]) -> set[bytes]:
    seen, asked = recent.knows(keys)
    if asked:
        seen |= await walk_store.known(tx, asked, imported=False)
    return seen


# --- sessions -----------------------------------------------------------------------------------


async def _put_sessions(tx: Tx, shop: Shop, drafts: Sequence[Draft]) -> None:
    """Session and channel on what people did; history, imports and our own words are no visit."""
    split = shop.settings.new_session_on_campaign
    visits: dict[str, list[Draft]] = {}
    for draft in drafts:
        event = draft.event
        known = event.anonymous_id or event.user_id
        if known and event.source in _VISITING and not event.backfill:
            name = f"a:{known}" if event.anonymous_id else f"u:{known}"
            theirs = visits.get(name)
            if theirs is None:
                visits[name] = [draft]
            else:
                theirs.append(draft)
    if not visits:
        return
    keys = {visitor_key(name): name for name in visits}
    states = await walk_store.visitors(tx, list(keys))
    saved = []
    for k, name in keys.items():
        state = states.get(k)
        visitor = Visitor(k) if state is None else unpack(k, state)
        for draft in visits[name]:
            event = draft.event
            own = event.ts is draft.original  # whose milliseconds are known
            at = draft.client_ms if own else int(event.ts.timestamp() * 1000)
            found = visit(visitor, at, draft.campaign, event.channel, split=split)
            event.session_id = found.uuid or found.identity()
            event.channel = found.channel
        saved.append((k, pack(visitor), at_ms(visitor.last)))
    await walk_store.save_visitors(tx, saved)


# --- refusals -----------------------------------------------------------------------------------


async def _keep_refusals(
    tx: Tx, take: Take, refused: Sequence[tuple[Heard, Refusal]], now: datetime
) -> None:
    robots = 0
    listed: list[tuple[Heard, Refusal]] = []
    for one in sorted(refused, key=lambda one: one[0].place):
        if one[1].reason is Drop.NO_CONSENT:
            continue  # counted: to keep it would be what she refused
        if one[1].reason in (Drop.BOT, Drop.PREFETCH):
            robots += 1
            if robots > LISTED_ROBOTS:
                continue
        listed.append(one)
    texts = payloads(take.batch.bodies, [heard for heard, _ in listed])
    for kind in ("rejected", "dead-letter"):
        entries = [
            refused_store.Entry(
                take.batch.rows[heard.place[0]].received_at, refusal.reason, refusal.detail, text
            )
            for (heard, refusal), text in zip(listed, texts, strict=True)
            if (refusal.reason is Drop.POISON) == (kind == "dead-letter")
        ]
        if entries:
            await refused_store.keep(tx, kind, entries, now)


async def _timed(step: str, work: Awaitable[T]) -> T:
    started = monotonic()
    result = await work
    STEP_SECONDS.labels(step).observe(monotonic() - started)
    return result
