"""The proof that nothing is left of an erased person, and what will only be gone later."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import msgspec

from patron.app.care.proof.needles import Needles, Sought
from patron.app.care.proof.searching import (
    SAMPLES,
    Found,
    Searched,
    search_files,
    search_tables,
)
from patron.events.lake import store as lake_store
from patron.kit.db import begun, connect
from patron.kit.migrate import HOUSE
from patron.kit.postgres import place
from patron.kit.settings import Settings
from patron.shops import store as shops
from patron.shops.retention import store as retention
from patron.shops.types import Shop

WAITING = "inbox"
SHARED = "PostgreSQL's own files, which the shops share"


class Proof(msgspec.Struct, frozen=True):
    """What was searched for her names, and with what outcome.

    `found` is empty when nothing is left. `later` says what is not gone yet and when it will be.
    `short` are kinds of names that are in half of all files by chance, and were looked for only
    where callers put ids. `unread` are files that were not searched: packed ones such as backups,
    and PostgreSQL's where several shops share them.
    """

    at: datetime
    names: int
    spellings: int
    tables: int
    files: int
    bytes: int
    found: list[Found]
    later: list[str]
    short: list[str]
    unread: list[str]

    def __str__(self) -> str:
        size = f"{self.bytes / 1e6:.1f} MB"
        told = [
            f"Searched {self.files} files and {self.tables} tables ({size}) for {self.names} names"
            f" in {self.spellings} spellings and found "
            + ("nothing." if not self.found else "them here:")
        ]
        told += [f"  {found.what} in {found.where}" for found in self.found]
        told += [f"Only later: {what}" for what in self.later]
        if self.short:
            told.append(
                f"Too short to look for by itself: {', '.join(sorted(set(self.short)))}; it was"
                " looked for where callers put ids."
            )
        told += [f"Not searched: {file}" for file in self.unread]
        return "\n".join(told)


async def prove(
    settings: Settings,
    url: str,
    shop: Shop,
    sought: Sought,
    now: datetime,
    *,
    also: Sequence[Path] = (),
) -> Proof:
    """Look for her in every table of the shop and the house, and in every file of the data folder
    and the folders `also`. PostgreSQL's own files are searched when nothing is left to be written
    over in them; before, deleted rows are sure to be there.

    Reads everything once: some 20 s of a core a gigabyte for one person.
    """
    needles = Needles(sought)
    async with await connect(url, "patron-proof") as connection:
        async with begun(connection, shop.schema):
            traces = await retention.traces(connection)
            lake = bool(await lake_store.erasures(connection))
        async with begun(connection, HOUSE):
            others = [one.slug for one in await shops.every(connection) if one.id != shop.id]
    data = settings.data_dir.absolute()
    # Another shop may know her too, and has not been asked to forget her.
    closed = {data / "postgres", *(data / "shops" / slug for slug in others)}
    folders = [data, *also]
    if traces is None and not others:
        folders += _of_postgres(data, url)

    def look() -> Searched:
        done = Searched()
        search_tables(url, (shop.schema, HOUSE), needles, done)
        search_files(folders, lambda path: path in closed, needles, done)
        return done

    done = await asyncio.to_thread(look)
    found, later = _sorted(done.found, shop, lake)
    if traces is not None:
        found = [hit for hit in found if not hit.where.startswith(SAMPLES)]
        later.append(
            "deleted rows in PostgreSQL's own files, its samples of values and its write-ahead log"
            f" are written over in the night, after {settings.erasure_rewrite_hour}:00"
        )
    return Proof(
        at=now,
        names=len(sought.names) + len(sought.origins),
        spellings=len(needles),
        tables=done.tables,
        files=done.files,
        bytes=done.bytes,
        found=found,
        later=later,
        short=needles.short,
        unread=[*done.unread, *([SHARED] if others else [])],
    )


def _of_postgres(data_dir: Path, url: str) -> list[Path]:
    """The folder of Patron's own server; none of a server of the owner's, who keeps its files."""
    ours = place.found(data_dir / "postgres")
    if ours is None or quote(str(ours.socket_folder()), safe="") not in url:
        return []
    return [ours.home]


def _sorted(found: list[Found], shop: Shop, lake: bool) -> tuple[list[Found], list[str]]:
    """What is left for good, and what will be gone by itself."""
    later = []
    waiting = f"{shop.schema}.{WAITING}_"
    if any(hit.where.startswith(waiting) for hit in found):
        later.append("calls that the walk has not read leave the inbox within the hour")
    if lake:
        later.append("the lake forgets her within a minute, or at `patron lake copy`")
    left = [
        hit
        for hit in found
        if not hit.where.startswith(waiting)
        and not (lake and f"/shops/{shop.slug}/lake/" in hit.where)
    ]
    return left, later
