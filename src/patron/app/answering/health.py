"""What a load balancer and a monitor ask: am I alive, am I ready, how am I doing."""

import asyncio

import msgspec
import psycopg
from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from psycopg_pool import PoolTimeout

from patron.app.context import worker_figures
from patron.app.rooms import unapplied
from patron.kit.db import Database
from patron.kit.metrics import CONTENT_TYPE, exposition
from patron.kit.problems import Problem
from patron.kit.settings import Settings

ANSWER_SECONDS = 5.0


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    status: str
    reason: str | None = None


@get("/healthz", tags=["health"], summary="Is the process alive", security=[])
async def alive() -> Health:
    """Answers as long as the process runs; asks nothing else."""
    return Health("ok")


@get("/readyz", tags=["health"], summary="May requests come", security=[])
async def ready(db: NamedDependency[Database]) -> Response[Health]:
    """503 while the database is away or a schema is not up to date."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            left = await unapplied(db)
    except (psycopg.Error, PoolTimeout, TimeoutError):
        return Response(Health("waiting", "the database does not answer"), status_code=503)
    if left:
        return Response(Health("waiting", f"{len(left)} migrations to apply"), status_code=503)
    return Response(Health("ok"))


@get(
    "/metrics",
    tags=["health"],
    summary="Figures for Prometheus",
    security=[],
    media_type=MediaType.TEXT,
)
async def metrics() -> Response[bytes]:
    """This process's figures in the Prometheus text format."""
    return Response(exposition(), media_type=CONTENT_TYPE)


@get(
    "/metrics/worker",
    tags=["health"],
    summary="The worker's figures for Prometheus",
    security=[],
    media_type=MediaType.TEXT,
)
async def worker_metrics(settings: NamedDependency[Settings]) -> Response[bytes]:
    """The figures of the walk, the timers and the sending, at most a few seconds old."""
    path = worker_figures(settings)
    if not path.exists():
        raise Problem(503, "Not available", "the worker has not started yet", remedy="try again")
    return Response(path.read_bytes(), media_type=CONTENT_TYPE)


routes: list[HTTPRouteHandler] = [alive, ready, metrics, worker_metrics]
