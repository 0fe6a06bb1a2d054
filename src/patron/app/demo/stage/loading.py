"""Filling the demo shop: its catalogue, its past, the lake, and the 90 days walked live.

A load that is interrupted is not mended but started over: it takes a minute or two, and half a shop
would tell a wrong story.
"""

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import uvloop

from patron.app.cli.house import OpenHouse
from patron.app.demo.catalogue import CURRENCY, Catalogue, Product, open_catalogue
from patron.app.demo.generator import DAYS, Shoppers, last_moment, open_shoppers
from patron.app.demo.history import History
from patron.app.demo.shoppers.truth import CartTruth, DemoTruth
from patron.app.demo.stage.days import OLDEST, Days, open_days
from patron.app.demo.stage.place import Standing
from patron.app.demo.stage.reacting import PassersBy, Reacting
from patron.app.demo.stage.telling import Bar, Teller
from patron.app.founding import found
from patron.app.imports.feed import load_events
from patron.catalog import store as catalog
from patron.catalog.types import FactSource, ProductIn
from patron.journeys import store as journeys
from patron.journeys.builtin import ABANDONED_CART
from patron.kit.clock import Clock, ManualClock
from patron.kit.db import Database, Tx
from patron.kit.migrate import HOUSE
from patron.segments import tasks as segments
from patron.shops import store as shops
from patron.shops.types import Mode, Shop, ShopSettings

NAME = "Hollin Market"
ZONE = "America/New_York"
PEOPLE_AND_CAMPAIGNS = 11_000  # for the estimate of the time left alone
PRODUCTS_AT_ONCE = 3_000
UNHURRIED = timedelta(hours=8)
"""How much is walked at once of days on which nobody comes whom a timer waits for."""
EARLY = 0.6
"""The lake begins to be written when this much of the history is in: a core has nothing to do."""
MATURE = timedelta(days=5)
"""Mails of the last days are left out of the result: what they led to lies after the history."""


@dataclass(frozen=True)
class Data:
    """The demo's data, read and named, placed in time."""

    catalogue: Catalogue
    history: History

    @cached_property
    def shown(self) -> dict[str, Product]:
        """The products that have a page, by id."""
        return {product.product_id: product for product in self.catalogue.shown}

    @property
    def sold(self) -> list[Product]:
        """Every product that was ever sold."""
        return [product for product in self.catalogue.products if product is not None]


def read(standing: Standing) -> Data:
    """Read the data set and name its products; some five seconds."""
    catalogue = open_catalogue(standing.seed)
    return Data(catalogue, History(catalogue, standing.placed_at, standing.seed))


class Load:
    """One load, from an empty database to a shop whose days are told until now."""

    def __init__(self, house: OpenHouse, standing: Standing, data: Data, teller: Teller) -> None:
        self._house = house
        self._standing = standing
        self._data = data
        self._teller = teller

    def run(self) -> int:
        """Everything, in order; `standing` is filled in. How many orders there were since the
        history's end, all of passers-by."""
        standing, data = self._standing, self._data
        end = last_moment(data.history)
        start = end - timedelta(days=DAYS)
        standing.since, standing.until = start, end
        shop = asyncio.run(self._open())
        with self._teller.bar("catalogue", len(data.sold)) as bar:
            asyncio.run(self._stock(shop, bar))
        with ThreadPoolExecutor(1) as beside:  # this process has little to do meanwhile
            planned = beside.submit(
                open_shoppers, data.history, standing.seed, standing.ports.shop_url
            )
            self._bring_history(shop, start)
            asyncio.run(self._ask_about_it(shop, start))
            shoppers = planned.result()
        # The lake and the model are made beside the walk, on the other core.
        jobs = Jobs(self._house, shop, ["lake", "refresh"])
        try:
            passers_by = uvloop.run(self._live(shop, shoppers))
        finally:
            jobs.end()
        truth = shoppers.truth
        standing.truth = truth.summary() | {"planted": planted(truth, end - MATURE)}
        return passers_by

    async def _open(self) -> Shop:
        standing, ports = self._standing, self._standing.ports
        assert standing.since is not None
        settings = ShopSettings(
            cart_url=f"{ports.shop_url}/cart?restore={{token}}",
            mail_from="hello@hollin.example",
            mail_from_name=NAME,
            postal_address="12 Orchard Lane\nLarkhaven, OH 45991",
        )
        async with Database(self._house.url, max_size=2, name="patron-demo") as db:
            made = await found(
                db,
                standing.since,
                name=NAME,
                currency=CURRENCY,
                time_zone=ZONE,
                public_url=ports.shop_url,
                owner_email=self._house.settings.owner_email or "owner@hollin.example",
                settings=settings,
            )
            async with db.unit(HOUSE) as tx:
                await shops.set_mode(tx, made.shop.slug, Mode.LIVE)
                shop = await shops.by_slug(tx, made.shop.slug)
            assert shop is not None
            async with db.unit(shop.schema) as tx:
                await _let_chunks_start_runs(tx, standing.since)
        standing.shop = shop.slug
        standing.write_key, standing.server_key = made.write_key, made.server_key
        return shop

    async def _stock(self, shop: Shop, bar: Bar) -> None:
        """All products, those that are never shown too: else they would be learnt from orders."""
        assert self._standing.since is not None
        at, shop_url = self._standing.since, self._standing.ports.shop_url
        offered = [_offered(product, shop_url) for product in self._data.sold]
        parts = [
            offered[first : first + PRODUCTS_AT_ONCE]
            for first in range(0, len(offered), PRODUCTS_AT_ONCE)
        ]
        async with Database(self._house.url, max_size=2, name="patron-demo") as db:

            async def put(mine: list[list[ProductIn]]) -> None:
                for part in mine:
                    async with db.unit(shop.schema) as tx:
                        await catalog.upsert(tx, part, FactSource.IMPORT, at)
                    bar.forward(len(part))

            # Two at a time: Python prepares one part while PostgreSQL writes the other.
            await asyncio.gather(put(parts[::2]), put(parts[1::2]))

    def _bring_history(self, shop: Shop, start: datetime) -> None:
        """What happened before the 90 days: recorded, starting nothing."""
        history = self._data.history
        before = int((history.baskets.at < start.timestamp()).sum()) + PEOPLE_AND_CAMPAIGNS
        # Received when the shop opens: after its past, before its first live day.
        house = OpenHouse(
            self._house.settings, self._house.url, ManualClock(start), self._house.signer
        )
        early: list[Jobs] = []
        with self._teller.bar("history", before) as bar:

            def progress(fed: int, walked: int) -> None:
                bar.at(walked)
                if not early and walked > EARLY * before:
                    early.append(Jobs(self._house, shop, ["lake"]))

            try:
                load_events(house, shop, history.events(before=start), before, progress)
            finally:
                for job in early:
                    job.end()

    async def _ask_about_it(self, shop: Shop, start: datetime) -> None:
        """Who is in which segment by her past: the worker would ask, and there is none yet."""
        async with Database(self._house.url, max_size=2, name="patron-demo") as db:
            await segments.fire_due(db, shop, start)

    async def _live(self, shop: Shop, shoppers: Shoppers) -> int:
        standing, start, end = self._standing, shoppers.start, shoppers.end
        visitors = Reacting(shoppers, standing.seed)
        async with open_days(self._house, shop, start) as days:
            with self._teller.bar("days", int((end - start).total_seconds())) as bar:
                await days.live(
                    visitors,
                    end,
                    lambda moment, walked, mails: bar.at(
                        int((moment - start).total_seconds()),
                        f"{walked:,} events · {mails:,} mails",
                    ),
                )
            standing.walked_to = end
            return await _pass_by(days, standing, self._data, self._teller, self._house.clock)


def catch_up(
    house: OpenHouse, shop: Shop, standing: Standing, data: Data, teller: Teller, clock: Clock
) -> int:
    """Tell the days since `walked_to`, on which only passers-by came; how many orders these were.

    Without them the shop would see that its order feed is silent, and hold its cart mails back.
    """
    after = standing.walked_to
    assert after is not None

    async def live() -> int:
        async with open_days(house, shop, after) as days:
            return await _pass_by(days, standing, data, teller, clock)

    return uvloop.run(live())


async def _pass_by(days: Days, standing: Standing, data: Data, teller: Teller, clock: Clock) -> int:
    after, now = standing.walked_to, clock.now() - timedelta(seconds=1)
    assert after is not None
    if now <= after:
        return 0
    visitors = PassersBy(data.history, after, now)
    with teller.bar("passers-by", int((now - after).total_seconds())) as bar:
        await days.live(
            visitors, now, lambda at, *_: bar.at(int((at - after).total_seconds())), UNHURRIED
        )
    standing.walked_to = now
    return len(visitors)


class Jobs:
    """The worker's heavy jobs, one after the other, in processes of their own."""

    def __init__(self, house: OpenHouse, shop: Shop, names: list[str]) -> None:
        program = ";".join(
            "import subprocess, sys"
            if name is None
            else f"subprocess.run([sys.executable, '-m', 'patron.app.jobs', {name!r}, sys.argv[1]],"
            " check=True, stdout=subprocess.DEVNULL)"
            for name in [None, *names]
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, shop.slug],
            env={
                **os.environ,
                "PATRON_DATABASE_URL": house.url,
                "PATRON_DATA_DIR": str(house.settings.data_dir.resolve()),
            },
            start_new_session=True,
        )

    def end(self) -> None:
        """Wait until they are done. Raises RuntimeError when one failed."""
        if self._process.wait():
            raise RuntimeError("the lake or the counting of what is bought together failed")


def planted(truth: DemoTruth, until: datetime) -> dict[str, Any]:
    """What the mails sent before `until` should have earned, person by person as the proof counts:
    each from her first mail on. Money in US cents."""
    first: dict[str, CartTruth] = {}
    for cart in truth.carts.values():
        if cart.mailed_at is not None and cart.mailed_at < until.timestamp():
            known = first.get(cart.user_id)
            if known is None or (known.mailed_at or 0) > cart.mailed_at:
                first[cart.user_id] = cart
    return {
        "people": len(first),
        "expected_extra": round(truth.uplift * sum(cart.value for cart in first.values())),
    }


async def _let_chunks_start_runs(tx: Tx, now: datetime) -> None:
    """In the 90 days a whole chunk is received at its end; the journey must not think it too old.
    The live part goes back to the hour that is usual."""
    journey = await journeys.journey(tx, ABANDONED_CART)
    assert journey is not None
    minutes = int(OLDEST.total_seconds()) // 60
    definition = journey.definition | {"max_age_minutes": minutes}
    await journeys.put(tx, journey.key, journey.name, definition, now)


def _offered(product: Product, shop_url: str) -> ProductIn:
    """What the shop says of a product; one that is not shown has neither page nor picture. All but
    ids and prices is made up."""
    return ProductIn(
        id=product.product_id,
        sku=product.product_id,
        title=product.title,
        price=product.price,
        compare_at=product.compare_at,
        currency=CURRENCY,
        available=product.stock > 0,
        stock=product.stock,
        brand=product.brand or None,
        categories=list(product.categories),
        image_url=shop_url + product.image_url if product.shown else None,
        url=shop_url + product.url if product.shown else None,
        margin=product.margin,
        shown=product.shown,
        attributes={"generated": True},
    )
