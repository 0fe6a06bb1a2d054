"""Files of scores over HTTP."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from litestar import Request, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from patron.app.predictions.reading import bring
from patron.kit.bodies import takes
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.segments.predictions.keeping import Brought
from patron.segments.predictions.types import Kind
from patron.shops.access import requires
from patron.shops.types import Shop


@put(
    "/api/predictions/{key:str}/file",
    guards=[requires("profiles:write")],
    tags=["segments"],
    summary="Publish a file of scores",
    operation_class=takes(
        "text/csv",
        "The file as it is, 10 MB at most: CSV with a column `person` and a column `value`",
        "person,value\nemail:ada@customers.example,0.31\n",
    ),
)
async def put_file(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    key: FromPath[str],
    kind: FromQuery[Kind] = Kind.NUMBER,
    label: FromQuery[str | None] = None,
) -> Brought:
    """The body is the file: a column `person` (or `email`, `user_id`, `phone`) and a column `value`
    (or `score`). It is the next version, whole. Larger files go through `patron prediction
    import`."""
    with tempfile.TemporaryDirectory(prefix="patron-") as folder:
        path = Path(folder) / "scores.csv"
        await asyncio.to_thread(path.write_bytes, await request.body())
        return await bring(db, shop, key, path, kind, label, clock.now())


routes: list[HTTPRouteHandler] = [put_file]
