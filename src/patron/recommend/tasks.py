"""Training: a shop's past is read, models are counted and swapped in, in a process that ends."""

from datetime import datetime
from pathlib import Path

import msgspec

from patron.catalog.watching import store as watching
from patron.catalog.watching.store import Ware
from patron.kit.clock import monotonic, processor_seconds
from patron.kit.db import Database
from patron.kit.lake import Lake
from patron.kit.log import logger
from patron.recommend import shelf
from patron.recommend.blend.types import Blends
from patron.recommend.history.kept import kept_of
from patron.recommend.history.reading import Past, past
from patron.recommend.history.telling import finder, told
from patron.recommend.pace import ENOUGH_DEEDS, ENOUGH_ORDERS
from patron.recommend.serving.goods import columns
from patron.recommend.serving.placing import Book
from patron.recommend.shelf import About
from patron.recommend.training import reports
from patron.recommend.training.placing import blends, placed
from patron.recommend.training.report import Counted, Report
from patron.recommend.training.sources import Wares
from patron.recommend.training.train import SECONDS, Heard, Training, again, nobody
from patron.recommend.types import Fitted
from patron.shops.types import Shop

log = logger(__name__)

AT_ONCE = 20_000
BLEND = "blend"
"""What was decided about blending, among the models."""
WORDS = "words.npz"
"""What the titles of products have in common, beside the models."""


class Material(msgspec.Struct, frozen=True, eq=False):
    """All that a training is made of."""

    past: Past
    wares: Wares
    book: Book
    began: float | None = None  # as `monotonic` tells it


async def gather(db: Database, shop: Shop, lake: Lake, now: datetime) -> Material:
    """What the lake knows of the last two years, with people and products as they are now, and
    what the catalog says of these products."""
    began = monotonic()
    whole = await read_past(db, shop, lake, now)
    found: dict[str, Ware] = {}
    after: str | None = None
    while True:
        async with db.unit(shop.schema) as tx:
            some = await watching.wares(tx, after, AT_ONCE)
        found.update((ware.id, ware) for ware in some)
        if len(some) < AT_ONCE:
            break
        after = some[-1].id
    wares = [found.get(id) for id in whole.items]
    titles = [_told(ware) for ware in wares]
    book = Book()
    async with db.unit(shop.schema) as tx:
        await book.look(tx)
    return Material(whole, Wares(columns(wares, whole.items, shop.currency), titles), book, began)


async def read_past(db: Database, shop: Shop, lake: Lake, now: datetime) -> Past:
    """What the lake knows of the last two years, with people and products as they are now."""
    kept = kept_of(lake.uri)
    with kept.held():
        async with db.unit(shop.schema) as tx:
            known = await told(tx, shop)
        return await past(lake, kept, known, finder(db, shop), now)


def train(
    material: Material,
    models: Path,
    now: datetime,
    *,
    seconds: float = SECONDS,
    heard: Heard = nobody,
) -> Report:
    """Choose, judge, count and swap in. `seconds` bound the search of parameters. A shop that has
    neither products nor a past keeps what it has."""
    training = Training(material.past, _with_words(material.wares, models), now, seconds, heard)
    report = training.run()
    heard("placements")
    told, rulings = placed(training, material.book.placements.values())
    report = msgspec.structs.replace(report, placements=told)
    decided = blends(rulings)
    if decided is not None:
        training.models[BLEND] = decided, About()
    if training.models:
        shelf.write(models, material.past.items, training.models, now, material.past.position)
    _note(material, models, now, trained=True)
    kept = reports.keep(models, report)
    return msgspec.structs.replace(kept, counted=reports.counted(models))


def refresh(material: Material, models: Path, now: datetime) -> Fitted:
    """Count again what won the last training, with the parameters chosen then, and swap it in. A
    shop that was never trained, and now has enough to be, asks for it."""
    whole, last = material.past, reports.latest(models)
    trained = again(whole, _with_words(material.wares, models), last)
    kept = _decided(models)
    if trained and kept is not None:
        trained[BLEND] = kept
    if trained:
        shelf.write(models, whole.items, trained, now, whole.position)
    seen = whole.interactions
    orders = int(seen.basket.max(initial=-1)) + 1
    _note(material, models, now)
    if last is None and (orders >= ENOUGH_ORDERS or len(seen) >= ENOUGH_DEEDS):
        reports.ask_for_training(models)
    return Fitted(orders, whole.interactions.items, len(seen), sorted(trained))


def _with_words(wares: Wares, models: Path) -> Wares:
    """Titles are compared once, and again when one of them changed."""
    return msgspec.structs.replace(wares, kept=models / WORDS)


def _note(material: Material, models: Path, now: datetime, *, trained: bool = False) -> None:
    """Tell of this counting. It has a process of its own, all of whose work was for it."""
    whole = material.past
    took = 0.0 if material.began is None else monotonic() - material.began
    processor = round(processor_seconds(), 2)
    seen = len(whole.interactions)
    reports.note(
        models,
        Counted(now, whole.position, seen, whole.news, round(took, 2), processor, trained),
    )


def _decided(models: Path) -> tuple[Blends, About] | None:
    """What the last training decided about blending; None where nothing was, or it was told as
    another version of Patron does: then chains answer until the next night."""
    before = shelf.Shelf(models, only=BLEND).models()
    try:
        found = None if before is None else before.index(BLEND, Blends)
    except shelf.DamagedModelError as error:
        log.warning("blends are left out", extra={"reason": str(error)})
        return None
    return None if before is None or found is None else (found, before.label.models[BLEND])


def _told(ware: Ware | None) -> str:
    """What tells a product apart, in words."""
    if ware is None:
        return ""
    said = [str(value) for value in ware.attributes.values() if isinstance(value, str)]
    return " ".join([ware.title or "", *said])
