"""Uploaded files understood, and imported onto their lists.

`python -m patron.app.lists.importing lists SHOP` imports those that were started, in a process of
its own, because an import keeps a whole core busy.
"""

import asyncio
import csv
import re
import sys
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec import structs

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
from patron.kit.clock import Clock, monotonic
from patron.kit.db import Database
from patron.kit.log import configure, logger
from patron.kit.problems import Problem, bad_request
from patron.shops.types import Shop

log = logger(__name__)

UNREADABLE = (ValueError, TypeError, LookupError, OverflowError, csv.Error, re.error)
"""What a map may make of reading a file: formats, encodings and separators that are none."""

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
    """Have the worker import it. One that was started before stays as it is."""
    if note.upload.state == "shown":
        note = structs.replace(note, upload=structs.replace(note.upload, state="started"))
        uploads.write(note)
    return note.upload


def bring_all(house: OpenHouse, shop: Shop) -> list[str]:
    """Import every file that was started; what became of each. Called again after a kill, it goes
    on where it was."""
    uploads = Uploads(house.settings.data_dir, shop.slug)
    done = []
    for note in list(uploads.every()):
        if note.upload.state == "started":
            ended = _brought(house, shop, uploads, note)
            uploads.write(ended)
            uploads.file(ended.upload).unlink(missing_ok=True)
            done.append(f"{ended.upload.file}: {ended.upload.state}")
    return done


def _brought(house: OpenHouse, shop: Shop, uploads: Uploads, note: Note) -> Note:
    """The note of an upload that was imported, or could not be."""
    upload = note.upload
    onto = Onto(note.list_id, upload.list, note.mapping.options.consent_where)
    try:
        plan = _understood(
            uploads.file(upload), note.mapping, onto, shop, house.clock.now(), upload.file
        )
        run = Run(house, shop, plan, _Telling(uploads, note, plan.table.total))
        already = run.done_at
        outcome = run.outcome(run.standing.rows, 0.0, already) if already else run.run()
        counted = house.run(lambda db: came(db, shop, plan.onto or onto))
    except Problem as problem:
        log.warning("an uploaded list is not imported", extra={"reason": str(problem)})
        failed = structs.replace(upload, state="failed", error=problem.document.detail)
        return structs.replace(note, upload=failed)
    told = {name: getattr(outcome, name) for name in Result.__struct_fields__ if name != "list"}
    ended = structs.replace(
        upload, state="done", progress=None, result=Result(**told, list=counted)
    )
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
        self._note = note
        self._total = total
        self._told = 0.0

    def __call__(self, rows: int, fed: int, walked: int) -> None:
        if monotonic() - self._told < TELL_SECONDS:
            return
        self._told = monotonic()
        now = structs.replace(self._note.upload, progress=Progress(rows, self._total, fed, walked))
        self._uploads.write(structs.replace(self._note, upload=now))


def find(uploads: Uploads, key: str, upload_id: UUID) -> Note | None:
    """The upload of this id for this list."""
    note = uploads.read(upload_id)
    return note if note is not None and note.upload.list == key else None


def main() -> None:
    settings = read_settings()
    configure(settings.log_format, settings.log_level)
    if len(sys.argv) != 3 or settings.database_url is None:
        raise SystemExit("usage: PATRON_DATABASE_URL=… … patron.app.lists.importing lists SHOP")
    shop = asyncio.run(find_shop(settings.database_url, sys.argv[2]))
    house = OpenHouse(settings, settings.database_url, the_clock("job"), open_signer(settings))
    sys.stdout.write(msgspec.json.encode(bring_all(house, shop)).decode() + "\n")


if __name__ == "__main__":
    main()
