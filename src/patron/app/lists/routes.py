"""A file for a list over HTTP: sent and shown, started, watched."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath
from litestar.response import File

from patron.app.imports.listing import onto
from patron.app.imports.mapping import Mapping
from patron.app.lists import deleting
from patron.app.lists.importing import find, look_at, start
from patron.app.lists.uploads import Note, Upload, Uploads
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.problems import not_found
from patron.kit.settings import Settings
from patron.segments.lists.routes import Key
from patron.shops.access import requires
from patron.shops.types import Shop


class SentFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of people. `content` is its bytes, 7 MB at most, in base64; `map` says which column is
    which field, as the documentation of imports describes it; without it they are guessed.
    `consent_from` says where the consents in the file were given."""

    file: Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/\\]+$")]
    content: bytes
    consent_from: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] | None = None
    map: Mapping | None = None


_EXAMPLE = {
    "file": "visitors.csv",
    "content": "ZW1haWwsbmFtZQphZGFAY3VzdG9tZXJzLmV4YW1wbGUsQWRhIExvdmVsYWNlCg==",
    "consent_from": "Stand 12, Vienna",
}


@post(
    "/api/lists/{key:str}/imports",
    guards=[requires("profiles:write")],
    tags=["lists"],
    summary="Show what a file would put on a list",
)
async def send_file(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
    key: Key,
    data: Annotated[SentFile, BodyKwarg(examples=[Example(value=_EXAMPLE)])],
) -> Upload:
    """What each column was taken for, the first rows as they were understood, and how many would
    come onto the list. Nothing is written until the import is started, within a day."""
    found = msgspec.structs.replace(await onto(db, shop, key), consent_where=data.consent_from)
    uploads = Uploads(settings.data_dir, shop.slug)
    return await look_at(db, shop, uploads, (data.file, data.content), data.map, found, clock)


@get(
    "/api/lists/{key:str}/imports/{import_id:uuid}",
    guards=[requires("profiles:read")],
    tags=["lists"],
    summary="How far an import is",
)
async def show_import(
    shop: NamedDependency[Shop],
    settings: NamedDependency[Settings],
    key: Key,
    import_id: FromPath[UUID],
) -> Upload:
    """The preview, the progress, and what came of it for a week."""
    return _found(settings, shop, key, import_id).upload


@post(
    "/api/lists/{key:str}/imports/{import_id:uuid}/start",
    guards=[requires("profiles:write")],
    tags=["lists"],
    summary="Import a file that was shown",
    status_code=202,
)
async def start_import(
    shop: NamedDependency[Shop],
    settings: NamedDependency[Settings],
    key: Key,
    import_id: FromPath[UUID],
) -> Upload:
    """The worker does so within seconds, and goes on where it was if it is stopped. One that has
    failed after several attempts is tried once more; where the file itself was at fault it is gone,
    and the answer is 409."""
    note = _found(settings, shop, key, import_id)
    return start(Uploads(settings.data_dir, shop.slug), note)


@get(
    "/api/lists/{key:str}/imports/{import_id:uuid}/report",
    guards=[requires("profiles:read")],
    tags=["lists"],
    summary="The rows that could not be used",
    media_type="text/csv",
)
async def show_report(
    shop: NamedDependency[Shop],
    settings: NamedDependency[Settings],
    key: Key,
    import_id: FromPath[UUID],
) -> File:
    """CSV: row, column, value, problem and remedy; 404 where every row was good."""
    note = _found(settings, shop, key, import_id)
    if note.report is None or not Path(note.report).is_file():
        raise not_found("report of import", import_id)
    return File(Path(note.report), filename=f"{key}.problems.csv", media_type="text/csv")


def _found(settings: Settings, shop: Shop, key: str, import_id: UUID) -> Note:
    note = find(Uploads(settings.data_dir, shop.slug), key, import_id)
    if note is None:
        raise not_found("import", import_id)
    return note


routes: list[HTTPRouteHandler] = [
    *deleting.routes,
    send_file,
    show_import,
    start_import,
    show_report,
]
