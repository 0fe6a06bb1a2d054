"""Files of suppressed addresses over HTTP: brought in and taken away."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery
from litestar.response import Stream

from patron.app.imports.suppressions import SuppressionsImported, bring
from patron.kit.bodies import takes
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.profiles.consents.file import content
from patron.profiles.consents.suppression_store import Wanted
from patron.profiles.types import SuppressionReason
from patron.shops.access import requires
from patron.shops.types import ChannelName, Shop


@post(
    "/api/suppressions/import",
    guards=[requires("profiles:write")],
    tags=["consent"],
    summary="Bring in a list of suppressed addresses",
    status_code=200,
    operation_class=takes("text/csv", "The file as it is, 10 MB at most", "email\nada@x.example\n"),
)
async def import_suppressions(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    channel: FromQuery[ChannelName] = "email",
    reason: FromQuery[SuppressionReason] = SuppressionReason.MANUAL,
) -> SuppressionsImported:
    """The body is the file: CSV with a column `email` (or `phone`), and perhaps `reason`, `at` and
    `note`; or one address a line. Damaged encodings are repaired. The same file again adds
    nothing; larger files go through `patron suppress import`."""
    with tempfile.TemporaryDirectory(prefix="patron-") as folder:
        path = Path(folder) / "upload.csv"
        path.write_bytes(await request.body())
        return await bring(db, shop, path, channel, reason, clock.now())


@get(
    "/api/suppressions/export",
    guards=[requires("profiles:read")],
    tags=["consent"],
    summary="The suppressed addresses as a file",
    media_type="text/csv",
)
async def export_suppressions(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    channel: FromQuery[ChannelName | None] = None,
    reason: FromQuery[SuppressionReason | None] = None,
) -> Stream:
    """CSV in UTF-8, newest first, as an import reads it; no cell of it is a formula."""

    async def parts() -> AsyncIterator[bytes]:
        async for part in content(db, shop, Wanted(channel, reason)):
            yield part

    name = 'attachment; filename="suppressions.csv"'
    return Stream(parts(), media_type="text/csv", headers={"Content-Disposition": name})


routes: list[HTTPRouteHandler] = [import_suppressions, export_suppressions]
