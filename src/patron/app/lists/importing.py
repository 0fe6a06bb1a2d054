"""Uploaded files understood, and imported onto their lists.

`python -m patron.app.lists.importing lists SHOP` imports those that were started, in a process of
its own, because an import keeps a whole core busy. What is wrong with a file ends its import. What
is wrong with us, or kills the process, is tried again a few times, ever more seldom, and longer
where it gets further each time; then it has failed. An outage is no fault of either and is waited
for.
"""

import asyncio
import csv
import re
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg
from msgspec import structs
from psycopg_pool import PoolTimeout

from patron.app.cli.house import OpenHouse
from patron.app.cli.imported import preview_value
from patron.app.context import open_signer, read_settings, the_clock
from patron.app.imports.listing import came, forecast
from patron.app.imports.making.calls import Onto
from patron.app.imports.mapping import Mapping
from patron.app.imports.plan import Plan, understand
from patron.app.imports.run import Run
from patron.app.jobs import find_shop
from patron.app.lists.uploads import Note, Progress, Result, Upload, Uploads
from patron.events.inbox import InboxDown, InboxFull
from patron.kit.clock import Clock, monotonic
from patron.kit.db import Database
from patron.kit.log import configure, logger
from patron.kit.problems import Problem, bad_request, conflict
from patron.shops.types import Shop

log = logger(__name__)

UNREADABLE = (ValueError, TypeError, LookupError, OverflowError, csv.Error, re.error)
"""What a map may make of reading a file: formats, encodings and separators that are none."""

OUTAGES = (psycopg.OperationalError, PoolTimeout, InboxDown, InboxFull, OSError)
"""The database, the inbox or the disk: what passes without anybody mending the import."""

RESTS = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120, 480))
"""Before it is tried again, after the first attempt that broke off, the second …; after as many as
there are, it has failed."""

DIED = "the process that imported it died"
LONGEST_ERROR = 500
TELL_SECONDS = 0.5


async def look_at(
    db: Database,
    shop: Shop,
    uploads: Uploads,
    sent: tuple[str, bytes],
    given: Mapping | None,
    onto: Onto,
    clock: Clock,
) -> Upload:
    """Keep a file and say what it will come to. Problem 400 when it cannot be understood."""
    name, content = sent
    now = clock.now()
    upload_id, path = await asyncio.to_thread(uploads.put, name, content, now)
    try:
        plan = await asyncio.to_thread(_understood, path, given, onto, shop, now)
        told = await forecast(db, shop, plan, clock)
    except Problem as problem:
        uploads.remove(upload_id)
        document = structs.replace(
            problem.document, detail=problem.document.detail.replace(str(path), repr(name))
        )
        problem.document = document
        raise
    except UNREADABLE as error:
        uploads.remove(upload_id)
        log.warning("an uploaded file cannot be read", extra={"reason": repr(error)})
        raise bad_request(
            f"file {name!r} cannot be read as the map says: {error}",
            remedy="look at encoding, delimiter, date_format and the like in its options",
            path="map.options",
        ) from error
    except BaseException:
        uploads.remove(upload_id)
        raise
    preview = {**preview_value(plan), "file": name}
    upload = Upload(upload_id, onto.key, name, "shown", now, preview, told)
    uploads.write(Note(upload, plan.mapping, onto.id))
    return upload


def start(uploads: Uploads, note: Note) -> Upload:
    """Have the worker import it, or import once more what has failed; it goes on where it was. One
    that runs or is done stays as it is. Problem 409 when the file of a failed one is gone."""
    upload = note.upload
    if upload.state == "failed" and not uploads.file(upload).exists():
        raise conflict(
            f"the file {upload.file!r} is not kept: {upload.error}",
            remedy="correct it and send it again",
        )
    if upload.state in ("shown", "failed"):
        upload = structs.replace(upload, state="started", attempts=0, again_at=None, error=None)
        uploads.write(Note(upload, note.mapping, note.list_id, rows=note.rows))
    return upload


def bring_all(house: OpenHouse, shop: Shop) -> list[str]:
    """Import every file that was started; what became of each. Called again after a kill, it goes
    on where it was."""
    uploads = Uploads(house.settings.data_dir, shop.slug)
    done = []
    for note in list(uploads.due(house.clock.now())):
        ended = _tried(house, shop, uploads, note)
        uploads.write(ended)
        if ended.upload.state == "done" or (ended.upload.state == "failed" and not ended.broke):
            uploads.file(ended.upload).unlink(missing_ok=True)
        done.append(f"{ended.upload.file}: {ended.upload.state}")
    return done


def _tried(house: OpenHouse, shop: Shop, uploads: Uploads, note: Note) -> Note:
    """The note after one attempt. An outage is raised, as is whatever stops this process; neither
    counts as an attempt."""
    if note.attempts > note.upload.attempts:
        note = _broken(note, DIED)
    if note.upload.state == "failed":
        return note
    rest = house.clock.now() + RESTS[note.attempts]
    # Written down before: a process that is killed by what it does writes nothing afterwards.
    begun = structs.replace(note, attempts=note.attempts + 1, again_at=rest)
    uploads.write(begun)
    try:
        return _brought(house, shop, uploads, begun)
    except Exception as error:
        if _outage(error):
            uploads.write(note)
            raise
        log.error("an uploaded list broke off", exc_info=error, extra={"shop": shop.slug})
        kept = uploads.read(note.upload.id) or begun
        return _broken(kept, f"it broke off: {error!r}"[:LONGEST_ERROR])
    except BaseException:
        uploads.write(note)
        raise


def _broken(note: Note, how: str) -> Note:
    """The note of an attempt that broke off: tried again later, or failed."""
    tried = structs.replace(
        note.upload, attempts=note.attempts, error=how, again_at=note.again_at, progress=None
    )
    if note.attempts < len(RESTS):
        return structs.replace(note, upload=tried)
    failed = structs.replace(tried, state="failed", again_at=None)
    return structs.replace(note, upload=failed, broke=True)


def _outage(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_outage(one) for one in error.exceptions)
    return isinstance(error, OUTAGES)


def _brought(house: OpenHouse, shop: Shop, uploads: Uploads, note: Note) -> Note:
    """The note of an upload that was imported, or could not be."""
    upload = note.upload
    onto = Onto(note.list_id, upload.list, note.mapping.options.consent_where)
    try:
        plan = _understood(
            uploads.file(upload), note.mapping, onto, shop, house.clock.now(), upload.file
        )
        telling = _Telling(uploads, note, plan.table.total)
        run = Run(house, shop, plan, telling)
        if run.standing.rows > note.rows:  # the attempt before got further, so it is none
            upload = structs.replace(upload, attempts=0, error=None, again_at=None)
            note = structs.replace(note, rows=run.standing.rows, attempts=1, upload=upload)
            uploads.write(note)
            telling.note = note
        already = run.done_at
        outcome = run.outcome(run.standing.rows, 0.0, already) if already else run.run()
        counted = house.run(lambda db: came(db, shop, plan.onto or onto))
    except Problem as problem:
        log.warning("an uploaded list is not imported", extra={"reason": str(problem)})
        failed = structs.replace(
            upload, state="failed", error=problem.document.detail, progress=None, again_at=None
        )
        return structs.replace(note, upload=failed)
    told = {name: getattr(outcome, name) for name in Result.__struct_fields__ if name != "list"}
    ended = structs.replace(
        upload, state="done", progress=None, result=Result(**told, list=counted), again_at=None,
        error=None,
    )  # fmt: skip
    return structs.replace(note, upload=ended, report=outcome.report)


def _understood(
    path: Path,
    given: Mapping | None,
    onto: Onto,
    shop: Shop,
    now: datetime,
    name: str | None = None,
) -> Plan:
    plan = understand(path, "profiles", given, shop, now, lambda _: None, onto)
    if plan.onto is not None and name is not None:
        source = f"{name} {plan.survey.digest[:8]}"
        plan.onto = structs.replace(plan.onto, source=source)
    return plan


class _Telling:
    """Writes the progress down twice a second at most."""

    def __init__(self, uploads: Uploads, note: Note, total: int | None) -> None:
        self._uploads = uploads
        self.note = note
        self._total = total
        self._told = 0.0

    def __call__(self, rows: int, fed: int, walked: int) -> None:
        if monotonic() - self._told < TELL_SECONDS:
            return
        self._told = monotonic()
        now = structs.replace(self.note.upload, progress=Progress(rows, self._total, fed, walked))
        self._uploads.write(structs.replace(self.note, upload=now))


def find(uploads: Uploads, key: str, upload_id: UUID) -> Note | None:
    """The upload of this id for this list."""
    note = uploads.read(upload_id)
    return note if note is not None and note.upload.list == key else None


def main() -> None:
    settings = read_settings()
    configure(settings.log_format, settings.log_level)
    if len(sys.argv) != 3 or settings.database_url is None:
        raise SystemExit("usage: PATRON_DATABASE_URL=… … patron.app.lists.importing lists SHOP")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # a worker that stops is no attempt
    shop = asyncio.run(find_shop(settings.database_url, sys.argv[2]))
    house = OpenHouse(settings, settings.database_url, the_clock("job"), open_signer(settings))
    sys.stdout.write(msgspec.json.encode(bring_all(house, shop)).decode() + "\n")


if __name__ == "__main__":
    main()
