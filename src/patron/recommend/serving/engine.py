"""One shop's recommendations in one process: models, catalog, visitors and placements, kept up.

A look at the database every fifth of a second brings in what was walked, what the catalog changed
and which placements were edited; answers in between ask nobody. A shop that nobody asks for is put
away after a minute.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import psycopg
from psycopg_pool import PoolTimeout

from patron.kit.clock import Clock, monotonic
from patron.kit.db import Database
from patron.kit.log import logger
from patron.kit.money import minor
from patron.recommend.attribution.words import HELD, Namer
from patron.recommend.holdout.comparing import (
    HELD_OUT,
    Exposures,
    arm_of,
    impersonal,
    nothing,
    plain,
)
from patron.recommend.placements.definition import Placement, Sees, Shows
from patron.recommend.rules.ruleset import Rules
from patron.recommend.rules.types import NONE, Ranked, Touch
from patron.recommend.rules.words import why_empty
from patron.recommend.serving.answering import (
    Due,
    Scene,
    answer,
    categories,
    due,
    scene_of,
    shown,
    wired,
)
from patron.recommend.serving.asking import (
    Answer,
    Answered,
    CategoryItem,
    Question,
    Wired,
    WiredAnswer,
)
from patron.recommend.serving.goods import Stock
from patron.recommend.serving.opened import Models, opened
from patron.recommend.serving.placing import Book
from patron.recommend.serving.strategies import NO_ITEMS, Items, Strategies
from patron.recommend.serving.visitors import AT_ONCE, Asked, Visitor, Visitors
from patron.recommend.session.delta import Recent
from patron.recommend.shelf import DamagedModelError, Shelf
from patron.recommend.warming import AWAITED, Loops
from patron.shops.types import Shop

log = logger(__name__)

LOOK_SECONDS = 0.2
IDLE_SECONDS = 60.0
DOWN = (psycopg.Error, PoolTimeout, OSError, TimeoutError)


NO_WIRES = msgspec.Raw(b"[]")

Found = Ranked | list[CategoryItem]


class Placed(msgspec.Struct, frozen=True, eq=False):
    """A placement that was asked for, the name of its answer, what it offers, when each of these is
    due, and why it is not what the placement says."""

    placement: Placement
    rec_id: str
    found: Found
    dates: Due
    why: str


class Engine:
    """Answers for one shop; belongs to one event loop."""

    def __init__(
        self, db: Database, shop: Shop, models: Path, clock: Clock, loops: Loops = AWAITED
    ) -> None:
        self.shop = shop
        self._db, self._clock, self._loops = db, clock, loops
        self._shelf = Shelf(models)
        self._namer = Namer(shop.identity_secret)
        self.models = Models()
        self.stock = Stock(db, shop)
        self.visitors = Visitors(db, shop, clock, self)
        self.recent: Recent | None = None
        self.book = Book()
        self.exposures = Exposures()
        self.strategies = Strategies(self.models, self.stock.goods)
        self.asked_at = monotonic()

    async def look(self) -> None:
        """Take over what changed: models, catalog, placements, and what visitors did."""
        if self._shelf.is_stale():
            await self._open_models()
        await self.stock.look()
        if self.strategies.goods is not self.stock.goods or (
            self.strategies.models is not self.models
        ):
            self.strategies = Strategies(self.models, self.stock.goods, self.recent, self._loops)
        async with self._db.unit(self.shop.schema) as tx:
            await self.book.look(tx)
        while await self.visitors.follow() == AT_ONCE:
            pass
        await self.write_down()

    async def write_down(self) -> None:
        """Keep who met which arm of a holdout."""
        await self.exposures.keep(self._db, self.shop.schema)

    def viewed(self, visit: str, product: str, at: int) -> None:
        """Somebody looked at a product: the visits of this hour have a say, too."""
        number = self.stock.numbers.get(product)
        if self.recent is not None and number is not None:
            self.recent.seen(visit, number, at)

    def erased(self, origin: str) -> None:
        """Somebody was erased: what she did in this hour has no say any more."""
        if self.recent is not None:
            for visit in {name for name, _, _ in self.recent.clicks() if name.startswith(origin)}:
                self.recent.forget(visit)

    async def ask(self, question: Question, asked: Asked) -> WiredAnswer:
        """The answers to a question, for whom it was asked."""
        visitor = await self.visitor(asked)
        await self.stock.understand(question.named())
        return self.wired(question, visitor)

    async def visitor(self, asked: Asked) -> Visitor:
        """Who it is; somebody new where the database is away."""
        self.asked_at = monotonic()
        found = self.visitors.remembered(asked)
        if found is not None:
            return found
        if asked == Asked(trusted=asked.trusted):
            return Visitor()
        try:
            return await self.visitors.find(asked)
        except DOWN as error:
            log.warning("a visitor could not be read", extra={"reason": repr(error)})
            return Visitor()

    def answer(self, question: Question, visitor: Visitor, *, counts: bool = False) -> Answer:
        """The answers for a visitor, from what is in memory. Unless it `counts`, nobody is held out
        of anything, and nothing is written down."""
        found, unknown, off = self._placed(question, visitor, counts=counts)
        model = self.models.version
        answers = [
            Answered(p.placement.key, p.rec_id, [], p.found, _fallen(p.found), model, p.why)
            if isinstance(p.found, list)
            else shown(p.placement, p.found, self.stock, p.rec_id, model, p.dates, p.why)
            for p in found
        ]
        return Answer(answers, unknown, self.stock.unknown(question.named()), off)

    def wired(self, question: Question, visitor: Visitor) -> WiredAnswer:
        """The same as it goes over the wire; it counts."""
        found, unknown, off = self._placed(question, visitor, counts=question.compare)
        model = self.models.version
        answers = [
            Wired(p.placement.key, p.rec_id, NO_WIRES, p.found, _fallen(p.found), model, p.why, {})
            if isinstance(p.found, list)
            else wired(p.placement, p.found, self.stock, p.rec_id, model, p.dates, p.why)
            for p in found
        ]
        return WiredAnswer(answers, unknown, self.stock.unknown(question.named()), off)

    def _placed(
        self, question: Question, visitor: Visitor, *, counts: bool
    ) -> tuple[list[Placed], list[str], list[str]]:
        """Each placement that is asked for and on, with the name of its answer and what it offers;
        the keys that nobody knows, and those that are off."""
        scene = self.scene(question, visitor)
        answers: list[Placed] = []
        unknown: list[str] = []
        off: list[str] = []
        taken: Items = NO_ITEMS
        for key in question.placements:
            placement = self.book.placements.get(key)
            if placement is None:
                unknown.append(key)
            elif not placement.on:
                off.append(key)
            else:
                rec_id, seed = self._namer.name(placement.key, scene.now)
                n, seed = question.count or placement.count, question.seed or seed
                found, why = self._found(placement, scene, n, seed, taken), ""
                if counts and placement.holdout.share and _is_any(found):
                    given = arm_of(placement, visitor.origins)
                    if given is not None:
                        self.exposures.met(placement, visitor.origins, given, scene.now)
                    if given == "holdout":
                        found, why = self._held_out(placement, scene, n, seed, taken), HELD_OUT
                        rec_id, _ = self._namer.name(placement.key + HELD, scene.now)
                if not why and not _is_any(found):
                    dropped = found.dropped if isinstance(found, Ranked) else {}
                    why = why_empty(dropped, self.stock.goods)
                dates: Due = {}
                if isinstance(found, Ranked):
                    dates = due(found, scene, self.strategies)
                    taken = np.concatenate([taken, found.items]) if question.distinct else taken
                answers.append(Placed(placement, rec_id, found, dates, why))
        return answers, unknown, off

    def _found(self, placement: Placement, scene: Scene, n: int, seed: int, taken: Items) -> Found:
        if placement.shows is Shows.CATEGORIES:
            return categories(placement, scene, self.strategies, self.stock.goods, n)
        return self.ranked(placement, scene, n, seed, taken)

    def _held_out(
        self, placement: Placement, scene: Scene, n: int, seed: int, taken: Items
    ) -> Found:
        """What somebody gets instead who is held out."""
        is_ranked = placement.shows is not Shows.CATEGORIES
        if placement.holdout.sees is Sees.NOTHING:
            return nothing() if is_ranked else []
        if not is_ranked:
            return self._found(plain(placement), impersonal(scene), n, seed, taken)
        rules, usual = self.rules(placement), plain(placement)
        return answer(usual, rules, scene, self.strategies, self.stock, n, seed, taken)

    def scene(self, question: Question, visitor: Visitor) -> Scene:
        free = self.shop.settings.free_shipping_from
        least = NONE if free is None else minor(free, self.shop.currency)
        now = self._clock.now().timestamp()
        return scene_of(question, visitor, self.stock, now, NONE if least is None else least)

    def ranked(
        self, placement: Placement, scene: Scene, n: int, seed: int, taken: Items = NO_ITEMS
    ) -> Ranked:
        """A placement's products, with what was left out and why."""
        rules = self.rules(placement)
        return answer(placement, rules, scene, self.strategies, self.stock, n, seed, taken)

    def rules(self, placement: Placement) -> Rules:
        """A placement's rules for the goods as they are numbered now."""
        return self.book.rules(placement, self.stock.goods)

    async def _open_models(self) -> None:
        """Read in a thread: checksums of half a gigabyte take a second."""
        shelf = await asyncio.to_thread(self._shelf.models)
        if shelf is None or shelf.label.version == self.models.version:
            return
        try:
            models = opened(shelf)
        except DamagedModelError as error:
            log.error("models refused, the previous ones stay", extra={"reason": str(error)})
            return
        await self._loops.prepare(models)
        clicks = [] if self.recent is None else self.recent.clicks()
        before = self.stock.ids
        self.models = models
        self.recent = None if models.session is None else Recent(models.session)
        self.stock.number_by(models.items, models.popularity, models.repeat)
        await self.stock.look()
        for visit, item, at in clicks:
            if item < len(before):
                self.viewed(visit, before[item], at)


def _is_any(found: Found) -> bool:
    return bool(len(found.items) if isinstance(found, Ranked) else found)


def _fallen(order: list[CategoryItem]) -> float:
    return float(any(Touch.FALLBACK in one.codes for one in order))


class Engines:
    """The engines of all shops that are being asked for."""

    def __init__(
        self,
        db: Database,
        data_dir: Path,
        clock: Clock,
        settled: Callable[[], None] = lambda: None,
        loops: Loops = AWAITED,
    ) -> None:
        """`settled` is called when a shop's catalog stands in memory, to stay there."""
        self._loops = loops
        self._db, self._data_dir, self._clock, self._settled = db, data_dir, clock, settled
        self._open: dict[str, Engine] = {}
        self._ready: dict[str, asyncio.Task[None]] = {}
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def remembered(self, shop: Shop) -> Engine | None:
        """The shop's engine, if it is running; from now on with these settings of the shop."""
        found = self._open.get(shop.schema)
        if found is not None:
            found.shop = shop
        return found

    async def of(self, shop: Shop) -> Engine:
        """The shop's engine, opened when it is not running."""
        found = self.remembered(shop)
        if found is not None:
            return found
        ready = self._ready.get(shop.schema)
        if ready is None:
            ready = asyncio.get_running_loop().create_task(self._start(shop))
            self._ready[shop.schema] = ready
            ready.add_done_callback(lambda _: self._ready.pop(shop.schema, None))
        await asyncio.shield(ready)
        return self._open[shop.schema]

    async def close(self) -> None:
        """Stop following."""
        self._closed = True
        tasks = [*self._keeping.values(), *self._ready.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for engine in self._open.values():
            try:
                await engine.write_down()
            except DOWN as error:
                log.warning("exposures were lost", extra={"reason": repr(error)})
        self._open.clear()

    async def _start(self, shop: Shop) -> None:
        models = self._data_dir / "shops" / shop.slug / "models"
        engine = Engine(self._db, shop, models, self._clock, self._loops)
        await engine.look()
        self._settled()
        engine.asked_at = monotonic()
        self._open[shop.schema] = engine
        keeping = asyncio.get_running_loop().create_task(self._keep(engine))
        self._keeping[shop.schema] = keeping

    async def _keep(self, engine: Engine) -> None:
        """Look until nobody asks any more. What cannot be read now is read at the next look."""
        schema = engine.shop.schema
        try:
            # A cancellation alone may get lost: before Python 3.12 `wait_for`, which pools of
            # connections use, forgets one that comes just as what it waits for is there.
            while not self._closed and monotonic() - engine.asked_at < IDLE_SECONDS:
                await asyncio.sleep(LOOK_SECONDS)
                try:
                    await engine.look()
                except Exception as error:
                    log.warning("recommendations are not up to date", extra={"reason": repr(error)})
        finally:
            if self._open.get(schema) is engine:
                del self._open[schema]
            self._keeping.pop(schema, None)
