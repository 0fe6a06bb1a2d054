"""`patron feed …`: the shop's own lists of what it sells, fetched again and again."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from patron.app.cli.house import OpenHouse, open_house
from patron.app.cli.in_shop import in_shop
from patron.app.cli.output import Json, ShopName, clear_errors, show, table
from patron.app.feeds.fetching import Fetcher, guard_of, web_address
from patron.app.feeds.routes import FeedTold
from patron.app.feeds.running import bring
from patron.catalog.feeds import keeping, store
from patron.catalog.feeds.types import PRODUCT, Feed, FeedStatus, FeedView, view
from patron.kit.db import Database, Tx
from patron.kit.problems import Problem, bad_request, not_found
from patron.shops.types import Shop

app = typer.Typer(
    no_args_is_help=True, help="Feeds: the shop's own list of what it sells, fetched regularly."
)
Key = Annotated[str, typer.Argument(metavar="FEED", help="The key of a feed.")]
Only = Annotated[
    str | None, typer.Argument(metavar="[FEED]", help="The key of a feed, if there are several.")
]
_NAMES = ("feed", "address", "kind", "every", "is", "items", "last read")


def _row(one: FeedView) -> tuple[object, ...]:
    read = f"{one.taken_at:%Y-%m-%d %H:%M} UTC" if one.taken_at else "never"
    hours, minutes = divmod(one.every_minutes, 60)
    every = f"{hours} h" if not minutes else f"{one.every_minutes} min"
    return one.key, one.address, one.kind, every, one.status, f"{one.items:,}", read


@app.command("add")
def add(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="An address, or a file of this machine.")
    ],
    every: Annotated[str, typer.Option("--every", help="How often: 30m, 6h, 1d.")] = "6h",
    kind: Annotated[
        str, typer.Option("--kind", help="product, or what content it lists: guide, post, review …")
    ] = PRODUCT,
    key: Annotated[str | None, typer.Option("--key", help="What to call it.")] = None,
    later: Annotated[bool, typer.Option("--later", help="Leave it to the worker.")] = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Add a feed, read it, and have it fetched from now on."""
    with clear_errors(), open_house() as house:
        which, span = house.shop(shop), keeping.span(every)
        place = _place(address, house)

        async def make(db: Database) -> Feed:
            async with db.unit(which.schema) as tx:
                return await keeping.add(tx, place, key, kind, span, house.clock.now())

        feed = house.run(make)
        if not later:
            feed = _fetched(house, which, feed.key)
    _told(feed, as_json)


@app.command("list")
def show_feeds(shop: ShopName = None, as_json: Json = False) -> None:
    """The feeds there are, and how each is doing."""

    async def look(tx: Tx, _: Shop, __: OpenHouse) -> list[FeedView]:
        return [view(one) for one in await store.every(tx)]

    found = in_shop(shop, look)
    show(found, as_json, lambda: table(_NAMES, [_row(one) for one in found], "There is none."))


@app.command("fetch")
def fetch(
    key: Only = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="That it has shrunk by more than half is right.")
    ] = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Fetch and read a feed now, and show what came of it."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def ask(db: Database) -> Feed:
            async with db.unit(which.schema) as tx:
                named = await _which(tx, key)
                return await keeping.ask_for(tx, named, accept, house.clock.now())

        feed = _fetched(house, which, house.run(ask).key)
    _told(feed, as_json)


@app.command("report")
def report(key: Only = None, shop: ShopName = None, as_json: Json = False) -> None:
    """What came of a feed when it was last read, and what is wrong with its items."""

    async def look(tx: Tx, _: Shop, __: OpenHouse) -> Feed:
        return await keeping.found(tx, await _which(tx, key))

    _told(in_shop(shop, look), as_json, failing=False)


@app.command("pause")
def pause(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Fetch it no more; what it brought stays."""
    _put(key, True, shop, as_json)


@app.command("resume")
def resume(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Fetch it again, from now on."""
    _put(key, False, shop, as_json)


@app.command("remove")
def remove(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Forget a feed; the products it brought stay as they are."""

    async def drop(tx: Tx, _: Shop, __: OpenHouse) -> FeedView:
        return view(await keeping.remove(tx, key))

    gone = in_shop(shop, drop)
    show(gone, as_json, lambda: f"Feed {key!r} is forgotten; its {gone.items:,} items stay.")


def _put(key: str, paused: bool, shop: str | None, as_json: bool) -> None:
    async def put(tx: Tx, _: Shop, house: OpenHouse) -> FeedView:
        return view(await keeping.pause(tx, key, paused, house.clock.now()))

    one = in_shop(shop, put)
    show(one, as_json, lambda: table(_NAMES, [_row(one)], ""))


def _place(address: str, house: OpenHouse) -> str:
    if "://" in address:
        return web_address(address, guard_of(house.settings))
    path = Path(address).expanduser().resolve()
    if not path.is_file():
        raise bad_request(
            f"{address} is no file of this machine", remedy="check the path, or begin with https://"
        )
    return str(path)


async def _which(tx: Tx, key: str | None) -> str:
    """`key`, or that of the only feed."""
    if key is not None:
        return key
    keys = [one.key for one in await store.every(tx)]
    if not keys:
        raise Problem(404, "No feed", "there is no feed yet", remedy="`patron feed add ADDRESS`")
    if len(keys) > 1:
        raise bad_request("there are several feeds", remedy=f"name one: {', '.join(keys)}")
    return keys[0]


def _fetched(house: OpenHouse, shop: Shop, key: str) -> Feed:
    """The feed after it was read here and now."""

    async def work(_: Database) -> list[Feed]:
        fetcher = Fetcher(guard_of(house.settings))
        try:
            return await bring(house.url, shop, house.clock, fetcher, house.settings.data_dir, key)
        finally:
            await fetcher.close()

    found = house.run(work)
    if not found:
        raise not_found("feed", key)
    return found[0]


def _told(feed: Feed, as_json: bool, *, failing: bool = True) -> None:
    told = FeedTold(view(feed), feed.report)
    show(told, as_json, lambda: Group(*_words(told)))
    if failing and told.feed.status in (FeedStatus.FAILING, FeedStatus.ALARM):
        raise typer.Exit(1)


def _words(told: FeedTold) -> list[Table | str]:
    one, report = told.feed, told.report
    lines: list[Table | str] = [table(_NAMES, [_row(one)], "")]
    if one.error:
        said = f"{one.error[:1].upper()}{one.error[1:]}.\nTo do: {one.remedy}."
        lines.append(f"\n{escape(said)}")
    if report is None:
        return lines
    lines.append(
        f"\n{report.read:,} items read ({report.format}, {timedelta(seconds=round(report.seconds))}"
        f"): {report.new:,} new, {report.changed:,} changed, {report.unchanged:,} as they were,"
        f" {report.left_out:,} left out, {report.gone:,} gone."
    )
    if report.kept:
        lines.append(f"{report.kept:,} items that are absent stay as they were.")
    rows = []
    for problem in report.problems:
        first = problem.examples[0] if problem.examples else None
        such = "" if first is None else f"{first.item or f'no. {first.number}'}: {first.value}"
        rows.append((f"{problem.count:,}", problem.says, such[:60], problem.remedy))
    if rows:
        lines += ["", table(("items", "what is wrong", "such as", "to do"), rows, "")]
    return lines
