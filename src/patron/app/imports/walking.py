"""A walker for an import while no worker runs: a process that ends when its parent does.

`python -m patron.app.imports.walking SHOP`, with PATRON_DATABASE_URL; its standard input is a pipe
that nobody writes to: when it closes, the batch at hand is finished and the process ends.
"""

import asyncio
import sys
import threading

from patron.app.context import open_signer, read_settings, the_clock
from patron.app.jobs import find_shop
from patron.app.wiring import Walker
from patron.app.worker import BACKOFF_SECONDS, WALK_SECONDS, WALK_SESSION
from patron.events import tasks as events
from patron.kit.clock import Clock, monotonic
from patron.kit.db import RETRIED, Database, connect
from patron.kit.garbage import collect_rarely
from patron.kit.log import configure, logger
from patron.shops.types import Shop

log = logger(__name__)

SWEEP_SECONDS = 1.0


class Turn:
    """One import's walker: walks, and keeps the inbox small while it does."""

    def __init__(self, url: str, shop: Shop, clock: Clock) -> None:
        self._url = url
        self._shop = shop
        self._clock = clock
        self._over = threading.Event()

    def end(self) -> None:
        self._over.set()

    async def walk(self, walker: Walker) -> None:
        failures = 0
        async with Database(self._url, max_size=1, name="patron-import") as db:
            while not self._over.is_set():
                walked = walker.walked
                try:
                    await self._walk_on(walker, db)
                except Exception as error:
                    failures = 1 if walker.walked > walked else failures + 1
                    log.error("walk stopped, will retry", extra={"reason": str(error)})
                    pause = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS)) - 1]
                    await asyncio.to_thread(self._over.wait, pause)

    async def _walk_on(self, walker: Walker, db: Database) -> None:
        swept = monotonic()
        async with await connect(self._url, "patron-walk") as connection:
            await connection.execute(WALK_SESSION)
            while not self._over.is_set():
                try:
                    taken = await walker.step(connection)
                except RETRIED:
                    continue
                if monotonic() - swept > SWEEP_SECONDS:
                    # The inbox's slots are emptied in turns; an import would fill the disk.
                    await events.sweep(db, self._shop, self._clock.now(), 0, 0)
                    swept = monotonic()
                if not taken:
                    await asyncio.sleep(WALK_SECONDS[0])


def main() -> None:
    settings = read_settings()
    configure(settings.log_format, "warning")
    if len(sys.argv) != 2 or settings.database_url is None:
        raise SystemExit("usage: PATRON_DATABASE_URL=… python -m patron.app.imports.walking SHOP")
    clock = the_clock("import")
    shop = asyncio.run(find_shop(settings.database_url, sys.argv[1]))
    turn = Turn(settings.database_url, shop, clock)

    def listen() -> None:
        sys.stdin.buffer.read()
        turn.end()

    threading.Thread(target=listen, daemon=True).start()
    collect_rarely()
    asyncio.run(turn.walk(Walker(shop, clock, open_signer(settings))))


if __name__ == "__main__":
    main()
