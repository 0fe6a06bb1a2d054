"""From the log to the lake: copied once, cut back after a restore, erased for good.

One writer a shop holds PostgreSQL's advisory lock while it works. What the lake holds is read from
the lake itself, so that a crash between its commit and ours changes nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from patron.events import walk_store
from patron.events.lake import people
from patron.events.lake import store as lake_store
from patron.events.sorted import keeping as sorted_copy
from patron.events.sorted.layout import Folder, folder_of
from patron.events.types import Trust
from patron.kit.db import Tx, begun
from patron.kit.lake import Lake
from patron.kit.log import logger
from patron.kit.pauses import reach
from patron.shops.types import Shop

if TYPE_CHECKING:
    import pyarrow as pa

log = logger(__name__)

CHUNK = 50_000
FULL_BATCH = 5_000
"""Events in the inbox from which on the walk is behind: as many as it takes at once."""
TYPES = ("track", "identify", "page", "screen", "group", "alias")

_UNIX_MICROS = 946_684_800_000_000
"""PostgreSQL counts time from 2000 on."""


class Copied(msgspec.Struct, frozen=True):
    """What one run of the lake's writer did."""

    events: int = 0
    position: int = 0
    erased: int = 0
    compacted: bool = False
    cut_to: str | None = None  # the file with what a restored database no longer knows
    months: int = 0  # that were older than is kept


class Busy(Exception):
    """Another process is writing this shop's lake."""


class Derived(msgspec.Struct, frozen=True):
    """What others keep of the lake: how it forgets origins, and how all of it goes because the lake
    has lost something. Either may be asked for twice."""

    forget: Callable[[Sequence[UUID]], None] = lambda _: None
    remove: Callable[[], None] = lambda: None


class Cut(msgspec.Struct, frozen=True):
    """Where what a restore cuts off is kept, and which origins are left out there as forgotten;
    the oldest month that the lake keeps, such as `2025-02`, None for all; what is derived of it;
    how it is told which origins stand for others, for `people` beside it."""

    folder: Path
    forgotten: Callable[[str], bool] = lambda _: False
    oldest: str | None = None
    derived: Derived = Derived()
    merged: Callable[[Tx], Awaitable[bytes]] | None = None


async def copy(connection: Tx, shop: Shop, lake: Lake, kept: Cut, now: datetime) -> Copied:
    """Bring the lake up to the log, on a connection of its own in autocommit mode. Raises Busy."""
    if not await lake_store.try_lock(connection, shop.schema):
        raise Busy(f"the lake of shop {shop.slug} is being written by another process")
    try:
        return await _copy(connection, shop, lake, kept, now)
    finally:
        if not connection.closed:
            await lake_store.unlock(connection, shop.schema)


async def _copy(connection: Tx, shop: Shop, lake: Lake, kept: Cut, now: datetime) -> Copied:
    cut = await reconcile(connection, shop, lake, kept, now)
    copied, position = 0, 0
    while True:
        async with begun(connection, shop.schema):
            state = await lake_store.state(connection)
            epoch = str(state.epoch)
            position = lake.position(epoch) or 0
            upto = min(state.position, position + CHUNK)
            if upto > position:
                columns = table(await lake_store.copy_out(connection, position, upto))
                lake.append(columns, epoch, position, upto)
                await reach("lake.appended")
                copied += columns.num_rows
            await lake_store.set_lake_position(connection, upto)
        position = upto
        if upto >= state.position:
            break
    erased = await forget(connection, shop, lake, kept.derived)
    if kept.merged is not None:
        async with begun(connection, shop.schema):
            people.write(people.people_of(lake.uri), await kept.merged(connection))
    months = _drop(lake, kept)
    async with begun(connection, shop.schema):
        due = await sorting_is_due(connection, shop, folder_of(lake.uri), now)
    if due:
        _sort(shop, lake, epoch, position, now)
    return Copied(copied, position, erased, lake.compact(), cut, len(months))


def _drop(lake: Lake, kept: Cut) -> list[str]:
    """Remove the months that are older than is kept, and what was derived of them: first, because
    after a crash in between nobody would know that it was due; and once more, because somebody may
    have read them meanwhile."""
    oldest = kept.oldest
    if oldest is None or not any(month < oldest for month in lake.months()):
        return []
    kept.derived.remove()
    sorted_copy.remove(folder_of(lake.uri))
    months = lake.drop_months(oldest)
    kept.derived.remove()
    return months


async def sorting_is_due(tx: Tx, shop: Shop, folder: Folder, now: datetime) -> bool:
    """Whether the sorted copy lacks so much of the lake that it is to be brought up to it now.

    While the walk or the lake has a full batch before it more may be lacking: without the copy
    everything is answered, only slower.
    """
    state = await lake_store.state(tx)
    behind = state.position - state.lake_position >= FULL_BATCH
    behind = behind or await walk_store.many_wait(tx, FULL_BATCH)
    day = _day(shop, now)
    return sorted_copy.is_due(folder, str(state.epoch), state.lake_position, day, behind=behind)


def _sort(shop: Shop, lake: Lake, epoch: str, position: int, now: datetime) -> None:
    """Keep the sorted copy. It can always be made anew, so what is wrong with it stops nobody."""
    folder = folder_of(lake.uri)
    try:
        sorted_copy.refresh(folder, lake, epoch, position, _day(shop, now))
    except Exception:
        log.exception("sorted copy is made anew", extra={"shop": shop.slug})
        sorted_copy.remove(folder)


def _day(shop: Shop, now: datetime) -> str:
    return now.astimezone(ZoneInfo(shop.time_zone)).date().isoformat()


async def reconcile(connection: Tx, shop: Shop, lake: Lake, kept: Cut, now: datetime) -> str | None:
    """Make the lake fit the database: a first epoch, or a new one after a restore.

    A restored database knows less than the lake. What the lake has beyond it is written to a file
    that `patron import events` takes, cut off, and a new epoch of the log begins.
    """
    async with begun(connection, shop.schema):
        state = await lake_store.state(connection)
        behind = await restored_at(connection, lake, state)
        if behind is None:
            if state.epoch is None:
                await lake_store.set_epoch(connection, uuid4(), 0)
            return None
    kept.folder.mkdir(parents=True, exist_ok=True)
    name = kept.folder / f"cut-{now:%Y%m%dT%H%M%S}-{behind}.jsonl"
    rows = write_importable(lake, behind, name, kept.forgotten)
    # Derived, not drawn: after a crash between the two commits the same cut is found done. The same
    # backup restored once more finds rows again, and needs an epoch that the lake does not know.
    epoch = uuid5(state.epoch or shop.id, str(behind))
    while rows and lake.position(str(epoch)) is not None:
        epoch = uuid5(epoch, str(behind))
    lake.cut(behind, str(epoch))
    sorted_copy.remove(folder_of(lake.uri))
    kept.derived.remove()
    async with begun(connection, shop.schema):
        await lake_store.set_epoch(connection, epoch, behind)
    log.warning(
        "database was restored: lake cut back",
        extra={"shop": shop.slug, "position": behind, "events": rows, "file": str(name)},
    )
    return str(name)


async def restored_at(tx: Tx, lake: Lake, state: lake_store.LakeState) -> int | None:
    """The log position up to which a restored database and the lake agree; None if all is well.

    A database is restored when the lake holds positions that it never gave, or another event at
    one of them. One that was never copied, beside a lake that holds something, was restored too.
    """
    if state.epoch is None:
        return await _agree_to(tx, lake, 0, state.position) if lake.files() else None
    position = lake.position(str(state.epoch))
    if not position or position == state.lake_position:
        return None
    agreed = await _agree_to(tx, lake, state.lake_position, min(position, state.position))
    return None if agreed == position else agreed


async def _agree_to(tx: Tx, lake: Lake, known: int, upto: int) -> int:
    """The position, of `known` … `upto`, behind which log and lake have different events. Where one
    has none, as after an erasure, they do not differ."""
    for batch in lake.rows_after(known):
        theirs = {
            row["position"]: row["message_id"]
            for row in batch.select(["position", "message_id"]).to_pylist()
            if row["position"] <= upto
        }
        if theirs:
            ours = await lake_store.message_ids(tx, min(theirs), max(theirs))
            differ = (p - 1 for p, one in theirs.items() if ours.get(p, one) != one)
            upto = min(upto, *differ, upto)
    return upto


async def forget(connection: Tx, shop: Shop, lake: Lake, derived: Derived) -> int:
    """Erase from the lake everybody whose erasure was asked for; how many rows went."""
    async with begun(connection, shop.schema):
        origins = await lake_store.erasures(connection)
    if not origins:
        return 0
    gone = lake.erase([str(origin) for origin in origins])
    try:
        sorted_copy.forget(folder_of(lake.uri), origins)
    except Exception:  # she is to be forgotten even so
        log.exception("sorted copy is made anew", extra={"shop": shop.slug})
        sorted_copy.remove(folder_of(lake.uri))
    derived.forget(origins)
    async with begun(connection, shop.schema):
        await lake_store.erased(connection, origins)
    return gone


def table(columns: Sequence[bytes]) -> "pa.Table":
    """The lake's columns from what `copy_out` returned, in the order of the log."""
    import pyarrow as pa

    numbers = {
        name: np.frombuffer(column, kind)
        for (name, (_, kind)), column in zip(lake_store.NUMBERS.items(), columns, strict=False)
    }
    said = columns[len(numbers) :]
    made: dict[str, Any] = {
        name: _texts(lengths, texts)
        for name, lengths, texts in zip(lake_store.TEXTS, said[::2], said[1::2], strict=True)
    }
    moment = pa.timestamp("us", tz="UTC")
    for name in ("ts", "received_at"):
        made[name] = pa.array(numbers[name].astype(np.int64) + _UNIX_MICROS).cast(moment)
    for name in ("trust", "source"):
        made[name] = pa.array(numbers[name].astype(np.int8))
    made["type"] = pa.array(TYPES).take(pa.array(numbers["type"].astype(np.int8)))
    made["backfill"] = pa.array(numbers["flags"] & 1 == 1)
    made["position"] = pa.array(numbers["position"].astype(np.int64))
    made["month"] = pa.compute.strftime(made["ts"], format="%Y-%m")
    found = pa.table({name: made[name] for name in (*lake_store.COLUMNS, "month")})
    position = numbers["position"]
    return found if (position[1:] > position[:-1]).all() else found.sort_by("position")


def _texts(lengths: bytes, texts: bytes) -> "pa.Array":
    """Texts of these lengths, which stand behind each other; null where a length is -1."""
    import pyarrow as pa

    long = np.frombuffer(lengths, lake_store.LENGTHS)
    ends = np.zeros(len(long) + 1, np.int64)
    np.cumsum(np.maximum(long, 0), out=ends[1:])
    there = np.packbits(long >= 0, bitorder="little")
    held = [pa.py_buffer(one) for one in (there, ends, texts)]
    return pa.Array.from_buffers(pa.large_string(), len(long), held).cast(pa.string())


def write_importable(
    lake: Lake, position: int, path: Path, forgotten: Callable[[str], bool]
) -> int:
    """Write the lake's rows behind `position` as events that can be imported; how many.

    Rows of `forgotten` origins are left out: their erasure may be younger than the database.
    """
    encode = msgspec.json.encode
    count = 0
    with path.open("wb") as file:
        for batch in lake.rows_after(position):
            for found in batch.to_pylist():
                if forgotten(found["origin_id"]):
                    continue
                file.write(encode(importable(found)) + b"\n")
                count += 1
    return count


def importable(found: dict[str, Any]) -> dict[str, Any]:
    """A row of the lake as a tracking call, which says in `context.trust` when only a page said it:
    an import would otherwise make the owner's word of it."""
    body = msgspec.json.decode(found["body"])
    if found["trust"] < Trust.SERVER:
        body["context"] = {**body.get("context", {}), "trust": Trust(found["trust"]).name.lower()}
    event = {
        "type": found["type"],
        "messageId": found["message_id"],
        "userId": found["user_id"],
        "anonymousId": found["anonymous_id"],
        "timestamp": found["ts"].isoformat(),
        **body,
    }
    if found["type"] == "track":
        event["event"] = found["name"]
    return {key: value for key, value in event.items() if value is not None}
