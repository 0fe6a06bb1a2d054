"""Jobs in processes of their own, one at a time in the whole worker, none of them for ever."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from patron.app.jobs import BUSY
from patron.kit.clock import Clock, monotonic
from patron.kit.log import logger
from patron.kit.metrics import counter, histogram
from patron.shops.types import Shop

log = logger(__name__)

HOUR = 3600.0
LIMITS = {"lake": 2 * HOUR, "segments": 6 * HOUR, "lists": 12 * HOUR}
OTHERS = 2 * HOUR
"""Seconds after which a job is taken to hang: many times what it takes in the largest shop that was
tried (fifty million events)."""

GRACE_SECONDS = 20.0
LOOK_SECONDS = 0.2
RESTS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
"""Before a job that hung is begun again, after the first time, the second and any other."""

DONE = counter("patron_jobs_total", "Jobs by how they ended", ["shop", "job", "outcome"])
TOOK = histogram(
    "patron_job_seconds", "Duration of a job", ["job"], (1.0, 5.0, 30.0, 120.0, 600.0, 3600.0)
)

# Each needs some 150 MB while it runs.
_one_job = asyncio.Semaphore(1)


class Errands:
    """The jobs of one shop. `over` says when the worker stops."""

    def __init__(self, clock: Clock, over: Callable[[], bool]) -> None:
        self._clock = clock
        self._over = over
        self._hung: dict[str, tuple[int, datetime]] = {}

    async def run(self, job: str, shop: Shop, module: str = "patron.app.jobs") -> None:
        """`python -m module job shop`, waited for. One that hung is left out until it has rested.

        Raises RuntimeError when it failed.
        """
        times, until = self._hung.get(job, (0, None))
        if until is not None and self._clock.now() < until:
            return
        async with _one_job:
            if self._over():
                return
            began = monotonic()
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", module, job, shop.slug,
                stdout=asyncio.subprocess.PIPE, process_group=0,
            )  # fmt: skip
            out = await self._watched(process, began + LIMITS.get(job, OTHERS))
        took = monotonic() - began
        if out is None:
            rest = RESTS[min(times, len(RESTS) - 1)]
            self._hung[job] = (times + 1, self._clock.now() + rest)
            DONE.labels(shop.slug, job, "hung").inc()
            log.error(
                f"job {job} was ended: it took longer than any should",
                extra={"shop": shop.slug, "seconds": round(took), "again": str(rest)},
            )
            return
        if process.returncode == BUSY or self._over():
            return
        self._hung.pop(job, None)
        TOOK.labels(job).observe(took)
        if process.returncode:
            DONE.labels(shop.slug, job, "failed").inc()
            raise RuntimeError(f"job {job} of shop {shop.slug} ended with {process.returncode}")
        DONE.labels(shop.slug, job, "done").inc()
        log.info(f"{job} done", extra={"shop": shop.slug, "did": out.decode().strip()})

    async def _watched(self, process: asyncio.subprocess.Process, limit: float) -> bytes | None:
        """What it printed; None when it was ended because it hung. A job is ended by SIGTERM when
        the worker stops, and begins anew where it was; one that hangs may not hear that."""
        talk = asyncio.ensure_future(process.communicate())
        told: float | None = None
        hung = False
        while not talk.done():
            await asyncio.wait({talk}, timeout=LOOK_SECONDS)
            if process.returncode is not None:
                continue
            now = monotonic()
            if self._over() and told is None:
                told = now
                process.terminate()
            elif now > limit or (told is not None and now > told + GRACE_SECONDS):
                hung = told is None
                with suppress(ProcessLookupError):  # with whatever it started itself
                    os.killpg(process.pid, signal.SIGKILL)
        out, _ = await talk
        return None if hung else out
