"""`patron recommend …`: ask, try, write placements, train, read what was found out and sold."""

import asyncio
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import typer
from rich.markup import escape

from patron.app.cli.given import in_utc
from patron.app.cli.house import open_house
from patron.app.cli.in_shop import in_shop
from patron.app.cli.output import Json, ShopName, clear_errors, console, fail, show, table
from patron.app.cli.progress import Bar
from patron.app.cli.recommend import reading
from patron.app.cli.recommend.asking import with_engine
from patron.app.jobs import train_models
from patron.kit.db import Database
from patron.kit.periods import refuse_odd
from patron.kit.problems import not_found
from patron.recommend import routes
from patron.recommend.attribution.results import Result, results
from patron.recommend.many.batching import everybody, unanswered
from patron.recommend.pace import untrained
from patron.recommend.placements import store
from patron.recommend.serving.asking import Answered, Question
from patron.recommend.serving.engine import Engine
from patron.recommend.serving.trying import Trial, Tried, tried
from patron.recommend.serving.visitors import Asked, Visitor
from patron.recommend.shelf import shelf_of
from patron.recommend.training import reports

app = typer.Typer(no_args_is_help=True, help="What is offered to whom, and what it sold.")

Key = Annotated[str, typer.Argument(help="A placement's key, as `patron recommend placements`.")]
Profile = Annotated[
    str | None, typer.Option("--profile", help="For whom: an id, or `email:…`, `user_id:…`.")
]
Product = Annotated[str | None, typer.Option("--product", help="The product looked at.")]
Cart = Annotated[list[str] | None, typer.Option("--cart", help="A product in the cart; repeat.")]
Count = Annotated[int | None, typer.Option("--count", min=1, max=50, help="How many.")]


@app.command("show")
def show_answer(
    placement: Key,
    profile: Profile = None,
    product: Product = None,
    cart: Cart = None,
    count: Count = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """What a placement offers, to somebody or to a new visitor, right now."""

    async def ask(engine: Engine, _: Database) -> Answered:
        asked = Asked(profile=profile, trusted=True)
        visitor = Visitor() if profile is None else await engine.visitors.find(asked)
        if profile is not None and not visitor.origins:
            raise not_found("profile", profile)
        question = Question(placements=[placement], product=product, cart=cart, count=count)
        await engine.stock.understand(question.named())
        for one in engine.stock.unknown(question.named()):
            raise not_found("product", one)
        found = engine.answer(question, visitor)
        if not found.placements:
            raise unanswered(engine, placement)
        return found.placements[0]

    found = with_engine(shop, ask)
    rows = [(one.id, one.title, one.price_text, one.reason) for one in found.items]
    rows += [(one.category, "", "", one.reason) for one in found.categories]
    empty = reading.nothing(found.why, found.dropped)
    show(found, as_json, lambda: table(("product", "", "price", "why"), rows, empty))


@app.command("try")
def try_draft(
    draft: Annotated[str, typer.Argument(help="A placement's key, or a JSON file with a draft.")],
    profile: Profile = None,
    product: Product = None,
    cart: Cart = None,
    count: Count = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """What a draft would answer, and how many products each of its rules keeps out."""
    definition = _read(Path(draft)) if draft.endswith(".json") else None
    trial = Trial(
        definition=definition,
        key=None if definition is not None else draft,
        profile=profile,
        product=product,
        cart=cart,
        count=count,
    )

    async def ask(engine: Engine, _: Database) -> Tried:
        return await tried(engine, trial)

    found = with_engine(shop, ask)
    if as_json:
        show(found, True, str)
        return
    rows = [(o.item.id, o.item.title, o.item.price_text, " ".join(o.why)) for o in found.items]
    rows += [(one.category, "", "", one.reason) for one in found.categories]
    console.print(table(("product", "", "price", "why"), rows, reading.nothing(found.why)))
    if rows and found.words:
        console.print(escape(found.words))
    out = [(one.rule, one.count, one.words) for one in found.dropped]
    console.print(table(("kept out by", "products", ""), out, "No rule kept anything out."))
    for what, which in (("pinned", found.unknown_pins), ("in the cart", found.unknown)):
        if which:
            console.print(escape(f"Not in the catalog, though {what}: {', '.join(which)}."))
    if found.kept_out_pins:
        kept = ", ".join(found.kept_out_pins)
        console.print(escape(f"Pinned, but kept out by a rule or without a place: {kept}."))


@app.command("placements")
def list_placements(shop: ShopName = None, as_json: Json = False) -> None:
    """All placements: the ready-made and the shop's own."""
    found = in_shop(shop, lambda tx, *_: routes.placements(tx))
    rows = [
        (one.key, one.name, "on" if one.on else "off", "own" if one.own else "", one.purpose)
        for one in found
    ]
    show(found, as_json, lambda: table(("key", "name", "", "", "what for"), rows, ""))


@app.command("put")
def put(
    key: Key,
    file: Annotated[Path, typer.Argument(help="A JSON file with its definition.")],
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Write a placement; it counts within a second."""
    definition = _read(file)
    made = in_shop(shop, lambda tx, _, house: routes.write(tx, key, definition, house.clock.now()))
    show(made, as_json, lambda: escape(f"Placement {made.name} is written."))


@app.command("delete")
def delete(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Delete a placement of the shop's own; a ready-made one is then as it was."""
    with clear_errors():
        if not in_shop(shop, lambda tx, *_: store.delete(tx, key)):
            raise routes.nothing_written(key)
    show({"deleted": key}, as_json, lambda: f"Placement {key} is deleted.")


@app.command("results")
def show_results(
    key: Key,
    since: Annotated[
        datetime | None, typer.Option("--since", help="From here on (UTC); 30 days ago.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", help="To before this moment (UTC); now.")
    ] = None,
    window: Annotated[
        int, typer.Option("--window", min=1, max=60, help="Days in which the proof counts orders.")
    ] = 5,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """What a placement sold by clicks, day by day, and what its holdout proves."""
    with clear_errors(), open_house() as house:
        which, now = house.shop(shop), house.clock.now()
        begin, end = (None if one is None else in_utc(one) for one in (since, until))
        refuse_odd(begin, end, now)

        async def look(db: Database) -> Result:
            async with db.unit(which.schema) as tx:
                await routes.placement(tx, key)
                days = timedelta(days=window)
                return await results(tx, which, key, now, begin, end, window=days)

        found = house.run(look)
        show(found, as_json, lambda: reading.sold(found, which))


@app.command("train")
def train(shop: ShopName = None, as_json: Json = False) -> None:
    """Train the models now, as is done every night. `training_seconds` bounds the search."""
    with clear_errors(), open_house() as house, Bar(as_json) as bar:
        which = house.shop(shop)
        tell = bar.steps()
        counted: list[str] = []

        def heard(what: str) -> None:
            counted.append(what)
            tell(what, len(counted), 8)

        found = asyncio.run(train_models(house.settings, house.url, which, house.clock, heard))
        show(found, as_json, lambda: reading.reported(found, which))


@app.command("report")
def report(shop: ShopName = None, as_json: Json = False) -> None:
    """What the last training found out: sources, parameters, how good each placement is."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        models = shelf_of(house.settings.data_dir, which.slug)
        found = reports.told(models)
        if found is not None:
            show(found, as_json, lambda: reading.reported(found, which))
            return
        before = untrained(models, house.clock.now(), which.time_zone)
        show(before, as_json, lambda: reading.waiting(before, which))


@app.command("batch")
def batch(
    placement: Key,
    output: Annotated[
        Path, typer.Option("--output", dir_okay=False, help="The file for the lines.")
    ],
    count: Count = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare/--no-compare",
            help="Hold out whom its holdout says; without, it is a look and counts for nothing.",
        ),
    ] = True,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """A placement's products for every known customer: a file with one JSON object a line.

    A file that is there is replaced when all of it is written.
    """

    async def write(engine: Engine, db: Database) -> int:
        many = 0
        with _replaced(output) as out:
            async for one in everybody(engine, db, placement, count, compare=compare):
                out.write(msgspec.json.encode(one) + b"\n")
                many += 1
        return many

    many = with_engine(shop, write)
    said = {"customers": many, "file": str(output)}
    show(said, as_json, lambda: escape(f"{many:,} customers, in {output}."))


@contextmanager
def _replaced(file: Path) -> Iterator[IO[bytes]]:
    """The file to write to; what stood there stays until everything is written. A pipe or a device
    is written to as it is."""
    if not file.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(file.parent))
    draft = file if file.exists() and not file.is_file() else file.with_name(f".{file.name}.part")
    try:
        with draft.open("wb") as out:
            yield out
        if draft != file:
            draft.replace(file)
    except BaseException:
        if draft != file:
            draft.unlink(missing_ok=True)
        raise


def _read(file: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        fail(f"{file}: {error}", "give a file with one JSON object, the placement's definition")
