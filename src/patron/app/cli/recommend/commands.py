"""`patron recommend …`: ask, try, write placements, train, read what was found out and sold."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import typer

from patron.app.cli.house import open_house
from patron.app.cli.in_shop import in_shop
from patron.app.cli.output import Json, ShopName, clear_errors, console, fail, show, table
from patron.app.cli.progress import Bar
from patron.app.cli.recommend.asking import with_engine
from patron.app.cli.results import told
from patron.app.jobs import train_models
from patron.kit.db import Database
from patron.kit.money import format_money
from patron.kit.problems import not_found
from patron.recommend import routes
from patron.recommend.attribution.results import Result, results
from patron.recommend.many.batching import everybody, unanswered
from patron.recommend.placements import store
from patron.recommend.serving.asking import Answered, Question
from patron.recommend.serving.engine import Engine
from patron.recommend.serving.trying import Trial, Tried, tried
from patron.recommend.serving.visitors import Asked, Visitor
from patron.recommend.shelf import shelf_of
from patron.recommend.training import reports
from patron.recommend.training.report import Report

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
        visitor = await engine.visitors.find(asked) if profile else Visitor()
        if profile and not visitor.origins:
            raise not_found("profile", profile)
        question = Question(placements=[placement], product=product, cart=cart, count=count)
        found = engine.answer(question, visitor)
        if not found.placements:
            raise unanswered(engine, placement)
        return found.placements[0]

    found = with_engine(shop, ask)
    rows = [(one.id, one.title, one.price_text, one.reason) for one in found.items]
    rows += [(one.category, "", "", one.reason) for one in found.categories]
    show(found, as_json, lambda: table(("product", "", "price", "why"), rows, "Nothing to offer."))


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
    console.print(table(("product", "", "price", "why"), rows, "Nothing to offer."))
    out = [(one.rule, one.count, one.words) for one in found.dropped]
    console.print(table(("kept out by", "products", ""), out, "No rule kept anything out."))


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
    show(made, as_json, lambda: f"Placement {made.name} is written.")


@app.command("delete")
def delete(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Delete a placement of the shop's own; a ready-made one is then as it was."""
    if not in_shop(shop, lambda tx, *_: store.delete(tx, key)):
        fail(f"the shop has written no placement {key!r}", "see `patron recommend placements`")
    show({"deleted": key}, as_json, lambda: f"Placement {key} is deleted.")


@app.command("results")
def show_results(
    key: Key,
    window: Annotated[
        int, typer.Option("--window", min=1, max=60, help="Days in which the proof counts orders.")
    ] = 5,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """What a placement sold in the last thirty days by clicks, and what its holdout proves."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> Result:
            async with db.unit(which.schema) as tx:
                await routes.placement(tx, key)
                days = timedelta(days=window)
                return await results(tx, which, key, house.clock.now(), window=days)

        found = house.run(look)
        money = format_money(found.revenue, found.currency, which.locale)
        rows = [
            ("shown", found.shown),
            ("clicks", f"{found.clicks} by {found.clickers} people"),
            ("put into carts", found.carts),
            ("orders", found.orders),
            ("revenue", money),
        ]
        show(found, as_json, lambda: table(("", ""), rows, ""))
        if as_json:
            return
        none = ["  Nobody is held out of it: whether she would have bought it anyway nobody knows."]
        for line in none if found.proof is None else told(found.proof, found.currency):
            console.print(line, highlight=False)


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
        show(found, as_json, lambda: _reported(found))


@app.command("report")
def report(shop: ShopName = None, as_json: Json = False) -> None:
    """What the last training found out: sources, parameters, how good each placement is."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        found = reports.latest(shelf_of(house.settings.data_dir, which.slug))
        if found is None and not as_json:
            console.print("Nothing was trained yet; `patron recommend train` does it now.")
            return
        show(found, as_json, lambda: "" if found is None else _reported(found))


@app.command("batch")
def batch(
    placement: Key,
    output: Annotated[
        Path, typer.Option("--output", dir_okay=False, help="The file for the lines.")
    ],
    count: Count = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """A placement's products for every known customer: a file with one JSON object a line.

    A file that is there is replaced when all of it is written.
    """

    async def write(engine: Engine, db: Database) -> int:
        many = 0
        with _replaced(output) as out:
            async for one in everybody(engine, db, placement, count):
                out.write(msgspec.json.encode(one) + b"\n")
                many += 1
        return many

    many = with_engine(shop, write)
    said = {"customers": many, "file": str(output)}
    show(said, as_json, lambda: f"{many} customers, in {output}.")


def _reported(found: Report) -> Any:
    """A report for people."""
    sources = [
        (one.name, "used" if one.used else "not used", one.why, len(one.tried))
        for one in found.sources
    ]
    console.print(table(("source", "", "", "tried"), sources, "No source had anything to count."))
    rows = [
        (
            one.placement,
            f"{one.measured.hit_rate:.1%}",
            f"{one.measured.mrr:.3f}",
            f"{one.measured.ndcg:.3f}",
            f"{one.best_sellers.ndcg:.3f}",
            f"{one.shown_share:.1%}",
            one.measured.questions,
        )
        for one in found.placements
    ]
    columns = ("placement", "hits", "MRR", "NDCG", "popular", "catalog shown", "questions")
    console.print(table(columns, rows, "Too little happened to judge placements."))
    blends = [
        (one.placement, one.blend.way or "not used", f"{one.blend.why}; {one.blend.trees_why}")
        for one in found.placements
        if one.blend is not None
    ]
    return table(("shared link", "", ""), blends, "No placement lets strategies share a link.")


@contextmanager
def _replaced(file: Path) -> Iterator[IO[bytes]]:
    """The file to write to; what stood there stays until everything is written. A pipe or a device
    is written to as it is."""
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
