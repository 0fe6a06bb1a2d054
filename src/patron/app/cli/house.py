"""What every command needs: settings, a database that runs, a shop."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

import psycopg
import typer
from psycopg_pool import PoolTimeout

from patron.app.audit.commands import Book, shown
from patron.app.context import open_signer, read_settings, the_clock
from patron.app.rooms import prepare_house
from patron.app.serve import postgres_of
from patron.kit.clock import Clock
from patron.kit.db import Database, value
from patron.kit.migrate import HOUSE
from patron.kit.postgres.place import make_folder
from patron.kit.problems import Problem
from patron.kit.settings import Settings
from patron.kit.signing import Signer
from patron.shops import store
from patron.shops.audit.types import Outcome
from patron.shops.types import Shop

T = TypeVar("T")
logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
"""Each try in vain would be a line beside the one that tells what is wrong."""


class Unreachable(Problem):
    """The database does not answer."""

    def __init__(self, why: str) -> None:
        super().__init__(
            503,
            "No database",
            f"the database does not answer: {why}",
            remedy="is it running? see database_url, or the log in the data folder's postgres/log",
        )


@dataclass
class OpenHouse:
    """A running database and what goes with it, for the length of one command."""

    settings: Settings
    url: str
    clock: Clock
    signer: Signer
    book: Book | None = None

    def run(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """Run `work` with an open Database."""

        async def told() -> T:
            async with Database(self.url, max_size=4, name="patron-cli", patience=10) as db:
                return await work(db)

        try:
            return asyncio.run(told())
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise Unreachable(str(error).strip()) from error

    def shop(self, slug: str | None) -> Shop:
        """The shop called `slug`, or the only one; its audit log says from here on that the command
        has begun. Problem 404 names the shops there are."""
        found = self._found(slug)
        if (book := self.book) is not None:
            self.run(lambda db: book.begin(db, found))
        return found

    def close(self, outcome: Outcome) -> None:
        """Write down what came of the command."""
        if (book := self.book) is not None:
            self.run(lambda db: book.end(db, outcome, shown.count))

    def _found(self, slug: str | None) -> Shop:

        async def look(db: Database) -> list[Shop]:
            async with db.unit(HOUSE) as tx:
                return await store.every(tx)

        shops = self.run(look)
        if not shops:
            raise Problem(404, "No shop", "there is no shop yet", remedy="run `patron init`")
        if slug is None and len(shops) == 1:
            return shops[0]
        names = ", ".join(shop.slug for shop in shops)
        for shop in shops:
            if shop.slug == slug:
                return shop
        if slug is None:
            raise Problem(400, "Which shop", "there are several shops", remedy=f"--shop: {names}")
        raise Problem(404, "No shop", f"shop {slug!r} does not exist", remedy=f"there are: {names}")


@contextmanager
def open_house(*, prepare: bool = True) -> Iterator[OpenHouse]:
    """A database that answers: the running one, or PostgreSQL started for this command alone.

    Without `prepare`, its schemas stay as they are.
    """
    settings = read_settings()
    clock = the_clock()
    shown.count = None
    if settings.database_url is not None:
        signer = open_signer(settings)
        house = OpenHouse(settings, settings.database_url, clock, signer, Book(clock))
        if prepare:
            house.run(_prepare_new)
        with _written_down(house):
            yield house
        return
    make_folder(settings.data_dir)
    server = postgres_of(settings)
    url = server.start(lambda line: print(line, file=sys.stderr))  # noqa: T201
    try:
        if server.launched and prepare:
            asyncio.run(_prepare(url))
        house = OpenHouse(settings, url, clock, open_signer(settings), Book(clock))
        with _written_down(house):
            yield house
    finally:
        if server.launched:
            server.stop()


@contextmanager
def _written_down(house: OpenHouse) -> Iterator[None]:
    """The command's own lines in the audit log, whatever comes of it."""
    outcome = Outcome.DONE
    try:
        yield
    except (Problem, typer.Exit) as error:
        refused = isinstance(error, Problem) or error.exit_code
        outcome = Outcome.REFUSED if refused else Outcome.DONE
        raise
    except BaseException:
        outcome = Outcome.FAILED
        raise
    finally:
        with suppress(psycopg.errors.UndefinedTable, Unreachable):
            house.close(outcome)


async def _prepare_new(db: Database) -> None:
    """Set up a database of the owner's that has nothing of Patron yet. What is there already is
    migrated by `patron serve` or `patron upgrade` alone: an older Patron may be using it."""
    async with db.session() as tx:
        there = await value(tx, "SELECT to_regnamespace(%s) IS NOT NULL", (HOUSE,))
    if not there:
        await prepare_house(db)


async def _prepare(url: str) -> None:
    async with Database(url, max_size=2, name="patron-cli") as db:
        await prepare_house(db)
