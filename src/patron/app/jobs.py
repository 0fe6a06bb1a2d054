"""Work that needs heavy libraries, each in a process of its own that ends when it is done.

`python -m patron.app.jobs lake|refresh|train|segments|suggest|prove SHOP` prints what it did as one
JSON object; `prove` reads from its standard input whom to look for.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from patron.app.care import aftermath, tombstones
from patron.app.care.proof.needles import Sought
from patron.app.care.proof.proving import Proof, prove
from patron.app.care.proof.rewriting import rewrite_traces
from patron.app.context import open_signer, read_settings, the_clock
from patron.app.occupancy import end_with
from patron.app.retention.sweeping import oldest_month
from patron.events.lake import copying
from patron.kit.clock import Clock, monotonic
from patron.kit.db import Database, begun, connect
from patron.kit.garbage import collect_rarely
from patron.kit.lake import lake_of
from patron.kit.log import configure
from patron.kit.migrate import HOUSE
from patron.kit.settings import Settings
from patron.profiles.batch.store import digest
from patron.recommend import shelf
from patron.recommend import tasks as recommend
from patron.recommend.history.kept import derived_of
from patron.recommend.training import reports
from patron.recommend.training.report import Report
from patron.recommend.training.train import Heard, nobody
from patron.recommend.types import Fitted
from patron.segments import filling
from patron.segments import store as segments
from patron.segments.alike import building as alike
from patron.segments.suggesting import finding as suggesting
from patron.segments.suggesting.store import Run
from patron.shops import store as shops
from patron.shops.retention import store as retention
from patron.shops.types import Shop

FIRST_SECONDS = 15.0
LOW = 10
"""The priority of what may take minutes and nobody waits for."""
BUSY_SECONDS, PATIENCE = 0.2, 120.0
BUSY = 75  # the exit status of "try again later" (EX_TEMPFAIL of sysexits.h)


async def copy_lake(settings: Settings, url: str, shop: Shop, clock: Clock) -> copying.Copied:
    """Bring a shop's lake up to its log, and carry out the erasures that wait."""
    buried = tombstones.digests(tombstones.stones_of(settings.data_dir, shop.slug))
    signer = open_signer(settings)

    def forgotten(origin_id: str) -> bool:
        return digest(signer, "origin", origin_id) in buried

    now = clock.now()
    oldest = oldest_month(settings, now)
    lake = lake_of(settings.data_dir, shop.slug)
    cut = settings.data_dir / "shops" / shop.slug / "cut"
    kept = copying.Cut(cut, forgotten, oldest, derived_of(lake.uri), segments.merged_lines)
    async with Database(url, max_size=1, name="patron-lake") as db:
        # A restore by other means than ours is noticed here first.
        await aftermath.look(db, shop, lake, clock.now())
    async with await connect(url, "patron-lake") as connection:
        copied = await copying.copy(connection, shop, lake, kept, now)
        if oldest is not None:
            async with begun(connection, shop.schema):
                await retention.note(connection, "lake", copied.months, True, now)
    return copied


async def material_of(settings: Settings, url: str, shop: Shop, clock: Clock) -> recommend.Material:
    """What a shop's models are counted from."""
    lake = lake_of(settings.data_dir, shop.slug)
    async with Database(url, max_size=1, name="patron-models") as db:
        return await recommend.gather(db, shop, lake, clock.now())


async def refresh_models(settings: Settings, url: str, shop: Shop, clock: Clock) -> Fitted:
    """Count the shop's models anew from its lake."""
    material = await material_of(settings, url, shop, clock)
    return recommend.refresh(material, shelf.shelf_of(settings.data_dir, shop.slug), clock.now())


async def train_models(
    settings: Settings,
    url: str,
    shop: Shop,
    clock: Clock,
    heard: Heard = nobody,
    *,
    briefly: bool = False,
) -> Report:
    """Choose parameters, judge every source on the shop's own last days, and count anew. The first
    training, `briefly`, searches for a few seconds: other jobs wait, and the night is near."""
    material = await material_of(settings, url, shop, clock)
    models = shelf.shelf_of(settings.data_dir, shop.slug)
    seconds = float(settings.training_seconds)
    if briefly and reports.latest(models) is None:
        seconds = min(seconds, FIRST_SECONDS)
    return recommend.train(material, models, clock.now(), seconds=seconds, heard=heard)


async def fill_segments(
    settings: Settings,
    url: str,
    shop: Shop,
    clock: Clock,
    heard: filling.Heard = filling.nobody,
) -> filling.Filled:
    """Read history for new segments, ask everybody, and ask anew what only the clock changes."""
    lake = lake_of(settings.data_dir, shop.slug)
    async with Database(url, max_size=2, name="patron-segments") as db:
        return await filling.fill(db, shop, lake, clock, heard)


async def find_suggestions(url: str, shop: Shop, clock: Clock) -> Run:
    """Compare everybody; look for groups who are alike, and for fans of categories."""
    async with Database(url, max_size=2, name="patron-suggest") as db:
        await alike.build(db, shop, clock)
        return await suggesting.find(db, shop, clock)


async def proved(
    settings: Settings,
    url: str,
    shop: Shop,
    sought: Sought,
    clock: Clock,
    *,
    at_once: bool = False,
    also: Sequence[Path] = (),
) -> Proof:
    """Let the lake forget, then look for what is left."""
    until = monotonic() + PATIENCE
    while True:
        try:
            await copy_lake(settings, url, shop, clock)
            break
        except copying.Busy:
            if monotonic() > until:
                break  # the proof says that the lake waits
            await asyncio.sleep(BUSY_SECONDS)
    if at_once:
        await rewrite_traces(url, shop, clock.now())
    return await prove(settings, url, shop, sought, clock.now(), also=also)


async def find_shop(url: str, slug: str) -> Shop:
    async with Database(url, max_size=1, name="patron-job") as db, db.unit(HOUSE) as tx:
        shop = await shops.by_slug(tx, slug)
    if shop is None:
        raise SystemExit(f"shop {slug!r} does not exist")
    return shop


def main() -> None:
    settings = read_settings()
    configure(settings.log_format, settings.log_level)
    if len(sys.argv) != 3 or settings.database_url is None:
        raise SystemExit("usage: PATRON_DATABASE_URL=… python -m patron.app.jobs JOB SHOP")
    job, slug = sys.argv[1:]
    end_with(os.getppid())  # a worker that stops, or dies, takes its job along
    collect_rarely()
    clock = the_clock("job")
    shop = asyncio.run(find_shop(settings.database_url, slug))
    done: Any
    if job == "lake":
        try:
            done = asyncio.run(copy_lake(settings, settings.database_url, shop, clock))
        except copying.Busy:
            raise SystemExit(BUSY) from None
    elif job == "refresh":
        done = asyncio.run(refresh_models(settings, settings.database_url, shop, clock))
    elif job == "train":
        os.nice(LOW)
        trained = train_models(settings, settings.database_url, shop, clock, briefly=True)
        done = asyncio.run(trained).summary()
    elif job == "segments":
        try:
            done = asyncio.run(fill_segments(settings, settings.database_url, shop, clock))
        except filling.Busy:
            raise SystemExit(BUSY) from None
    elif job == "suggest":
        done = asyncio.run(find_suggestions(settings.database_url, shop, clock))
    elif job == "prove":
        sought = msgspec.json.decode(sys.stdin.buffer.read(), type=Sought)
        done = asyncio.run(proved(settings, settings.database_url, shop, sought, clock))
    else:
        raise SystemExit(
            f"job {job!r} is unknown: it is lake, refresh, train, segments, suggest or prove"
        )
    sys.stdout.write(msgspec.json.encode(done).decode() + "\n")


if __name__ == "__main__":
    main()
