"""Events and recommendations in a notebook: `from patron.app.notebook import open_shop`."""

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from patron.app.context import read_settings, the_clock
from patron.events.lake import asking
from patron.kit.db import Database
from patron.kit.lake import lake_of
from patron.kit.migrate import HOUSE
from patron.kit.postgres.server import PostgresServer
from patron.kit.problems import not_found
from patron.recommend.many.batching import unanswered
from patron.recommend.serving.asking import Answered, Question
from patron.recommend.serving.engine import Engines
from patron.recommend.serving.visitors import Asked
from patron.shops import store as shops

if TYPE_CHECKING:
    import duckdb


T = TypeVar("T")


class OpenedShop:
    """A shop's lake, for reading, and what Patron recommends. The lake needs no running Patron."""

    def __init__(self, data_dir: Path, slug: str) -> None:
        self._lake = lake_of(data_dir, slug)
        self._data_dir, self._slug = data_dir, slug

    def recommend(
        self,
        placement: str = "recommended_for_you",
        profile: str | None = None,
        *,
        product: str | None = None,
        cart: Sequence[str] | None = None,
        count: int | None = None,
        database_url: str | None = None,
    ) -> Answered:
        """What a placement offers to somebody (an id, or `email:…`, `user_id:…`) or, without
        anybody, to a new visitor; items best first, each with its reason.

        `database_url`: where Patron's PostgreSQL answers; otherwise as `database_url` is set, or
        the data folder's own. Raises Problem for one that is unknown, or off.
        """
        question = Question(
            placements=[placement], product=product, count=count,
            cart=None if cart is None else list(cart),
        )  # fmt: skip
        return _finished(self._answer(question, profile, database_url))

    async def _answer(self, question: Question, profile: str | None, url: str | None) -> Answered:
        where = url or read_settings().database_url
        if where is not None:
            return await self._answered(question, profile, where)
        server = PostgresServer(self._data_dir / "postgres")
        try:
            return await self._answered(question, profile, server.start())
        finally:
            if server.launched:
                server.stop()

    async def _answered(self, question: Question, profile: str | None, url: str) -> Answered:
        async with Database(url, max_size=2, name="patron-notebook", patience=10) as db:
            async with db.unit(HOUSE) as tx:
                shop = await shops.by_slug(tx, self._slug)
            if shop is None:
                raise not_found("shop", self._slug)
            engines = Engines(db, self._data_dir, the_clock())
            try:
                engine = await engines.of(shop)
                visitor = await engine.visitor(Asked(profile=profile, trusted=True))
                if profile is not None and not visitor.origins:
                    raise not_found("profile", profile)
                await engine.stock.understand(question.named())
                found = engine.answer(question, visitor).placements
            finally:
                await engines.close()
        if not found:
            raise unanswered(engine, question.placements[0])
        return found[0]

    def events(
        self, name: str | None = None, since: datetime | None = None
    ) -> "duckdb.DuckDBPyRelation":
        """Events as a DuckDB relation: `.df()` (pandas), `.pl()` (Polars), `.to_arrow_table()`,
        `.filter(…)`, `.aggregate(…)`; `duckdb.sql` finds it by the name of its variable.

        One row an event, in no order; `body` holds properties, traits and context as JSON. A
        `since` without a zone is read in the notebook's.
        """
        return asking.events(self._lake, name, since)

    def people(self) -> "duckdb.DuckDBPyRelation":
        """Which origins are somebody else's: `origin_id` and `person_id`, the origin that stands
        for her. One that is not in it stands for itself. As new as the lake."""
        return asking.people(self._lake)


def open_shop(slug: str, data_dir: str | Path = "patron-data") -> OpenedShop:
    """The shop called `slug` of the installation in `data_dir`."""
    folder = Path(data_dir)
    if not (folder / "shops" / slug).is_dir():
        raise FileNotFoundError(f"there is no shop {slug!r} in {folder}; see `patron shop list`")
    return OpenedShop(folder, slug)


def _finished(work: Coroutine[Any, Any, T]) -> T:
    """The outcome of `work`. A notebook has an event loop of its own, which runs already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
