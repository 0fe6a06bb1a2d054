"""A real PostgreSQL for every test that asks for `house`, with two shops in it."""

import asyncio
import itertools
import logging
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg.conninfo import make_conninfo

from patron.app.rooms import open_shop, prepare_house
from patron.kit.clock import ManualClock
from patron.kit.db import Database, Tx
from patron.kit.signing import Signer
from patron.shops.found import found_shop
from patron.shops.types import Shop
from postgres_fixture import UNSAFE, start_test_server

# A busy machine is no error: how long one example takes is nobody's promise.
settings.register_profile("patron", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patron")

T = TypeVar("T")
LONGEST = "test_demo_from_outside.py"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)


@dataclass
class House:
    """A migrated database of one's own, with two shops that must never see each other."""

    url: str
    acme: Shop
    bolt: Shop
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    signer: Signer = field(default_factory=lambda: Signer(b"a secret of the tests, 32 bytes!"))

    @property
    def shops(self) -> tuple[Shop, Shop]:
        return self.acme, self.bolt

    def run(self, story: Callable[[Database], Awaitable[T]]) -> T:
        """Run `story` with an open Database in an event loop of its own."""

        async def told() -> T:
            async with Database(self.url, max_size=6, name="test") as db:
                return await story(db)

        return asyncio.run(told())

    def unit(self, work: Callable[[Tx], Awaitable[T]], shop: Shop | None = None) -> T:
        """Run `work` in one transaction in a shop's schema (acme's by default)."""

        async def story(db: Database) -> T:
            async with db.unit((shop or self.acme).schema) as tx:
                return await work(tx)

        return self.run(story)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests begin, the demo before all: what is long must not begin last when two
    processes share the files."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.name != LONGEST, item.path not in slow))


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Who sets up the log, as the demo and commands do, does so for itself."""
    root, ours = logging.getLogger(), logging.getLogger("patron")
    handlers, levels = list(root.handlers), (root.level, ours.level)
    yield
    root.handlers[:] = handlers
    for each, level in zip((root, ours), levels, strict=True):
        each.setLevel(level)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the test session."""
    with tempfile.TemporaryDirectory(prefix="patron-pg-") as folder:
        server = start_test_server(Path(folder), UNSAFE)
        try:
            yield server.start()
        finally:
            server.stop()


@pytest.fixture(scope="session")
def template(postgres: str) -> tuple[str, Shop, Shop]:
    """The name of a migrated database with two shops, to be cloned."""
    acme = _shop("Acme")
    bolt = _shop("Bolt & Sons")

    async def build() -> None:
        async with Database(make_conninfo(postgres, dbname="patron_template"), name="test") as db:
            await prepare_house(db)
            for shop in (acme, bolt):
                await open_shop(db, shop, NOON)

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE patron_template")
    asyncio.run(build())
    return "patron_template", acme, bolt


@pytest.fixture
def house(postgres: str, template: tuple[str, Shop, Shop]) -> Iterator[House]:
    """A fresh clone of the template database."""
    source, acme, bolt = template
    name = f"house_{next(_numbers)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
        try:
            yield House(make_conninfo(postgres, dbname=name), acme, bolt)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _shop(name: str) -> Shop:
    return found_shop(
        name,
        currency="USD",
        time_zone="America/New_York",
        public_url=f"https://{name.split()[0].lower()}.example",
        owner_email=f"owner@{name.split()[0].lower()}.example",
        now=NOON,
    )
