"""`patron webhook …`: the shop's own systems, told of what happens."""

from datetime import datetime
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from patron.app.cli.given import in_utc
from patron.app.cli.house import OpenHouse, open_house
from patron.app.cli.in_shop import in_shop
from patron.app.cli.output import Json, ShopName, clear_errors, show, table
from patron.delivery.channels.webhook import keeping, store
from patron.delivery.channels.webhook.keeping import EndpointView, Registered, view
from patron.delivery.channels.webhook.post import Poster
from patron.delivery.channels.webhook.routes import Replayed, guard_of
from patron.delivery.channels.webhook.types import Delivery, Heard, State
from patron.kit.db import Database, Tx
from patron.shops.types import Shop

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True, help="Webhooks: the shop's own systems, told of what happens."
)
Key = Annotated[str, typer.Argument(metavar="WEBHOOK", help="What the webhook is called.")]
Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", help="Such as order.completed, order.* or *; may be given often."),
]


def _row(one: EndpointView) -> tuple[object, ...]:
    how = str(one.status) if one.reason is None else f"{one.status}: {one.reason}"
    if one.failing_since is not None and one.reason is None:
        how = f"failing since {one.failing_since:%Y-%m-%d %H:%M} UTC"
    return one.key, one.url, ", ".join(one.topics), how, one.waiting


@app.command("list")
def show_webhooks(shop: ShopName = None, as_json: Json = False) -> None:
    """The webhooks there are, and how each is doing."""

    async def look(tx: Tx, _: Shop, __: OpenHouse) -> list[EndpointView]:
        return [view(one) for one in await store.every(tx)]

    found = in_shop(shop, look)
    names = ("webhook", "address", "topics", "is", "waiting")
    show(found, as_json, lambda: table(names, [_row(one) for one in found], "There is none."))


@app.command("add")
def add(
    key: Key,
    url: Annotated[str, typer.Argument(help="An https address.")],
    topics: Topics = None,
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Register an address; its secret is shown this once."""

    async def make(tx: Tx, _: Shop, house: OpenHouse) -> Registered:
        guard, now = guard_of(house.settings), house.clock.now()
        made = await keeping.register(tx, key, url, topics or ["*"], description, guard, now)
        return Registered(view(made), keeping.secret(made, house.signer))

    made = in_shop(shop, make)
    said = f"Webhook {key!r} is told of: {', '.join(made.webhook.topics)}\nIts secret, shown once: "
    show(made, as_json, lambda: said + made.secret)


@app.command("change")
def change(
    key: Key,
    url: Annotated[str | None, typer.Option("--url", help="Its new address.")] = None,
    topics: Topics = None,
    description: Annotated[
        str | None, typer.Option("--description", help="What it is for.")
    ] = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Another address, or other topics."""

    async def put(tx: Tx, _: Shop, house: OpenHouse) -> EndpointView:
        guard = guard_of(house.settings)
        return view(await keeping.change(tx, key, url, topics, description, guard))

    _told(in_shop(shop, put), as_json)


@app.command("remove")
def remove(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Forget an address, and what waits for it."""

    async def drop(tx: Tx, _: Shop, __: OpenHouse) -> EndpointView:
        return view(await keeping.remove(tx, key))

    gone = in_shop(shop, drop)
    show(gone, as_json, lambda: f"Webhook {key!r} is gone; {gone.waiting} messages waited for it.")


@app.command("test")
def test(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Send a signed message of the topic webhook.test, and show what came back."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def ask(db: Database) -> Heard:
            async with db.unit(which.schema) as tx:
                one = await keeping.found(tx, key)
            poster = Poster(guard_of(house.settings))
            try:
                return await keeping.tried(one, which, poster, house.signer, house.clock.now())
            finally:
                await poster.close()

        heard = house.run(ask)
    answer = "No answer" if heard.status_code is None else f"Answer {heard.status_code}"
    show(heard, as_json, lambda: f"{answer} after {heard.milliseconds} ms: {heard.answer or '–'}")
    if not heard.ok:
        raise typer.Exit(1)


@app.command("deliveries")
def deliveries(
    key: Key,
    state: Annotated[State | None, typer.Option("--state", help="Only those that are so.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 20,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """What a webhook was told, the newest first, and what came back."""

    async def look(tx: Tx, _: Shop, __: OpenHouse) -> list[Delivery]:
        return await store.deliveries(tx, (await keeping.found(tx, key)).id, state, None, limit)

    found = in_shop(shop, look)
    rows = [
        (str(d.id), d.topic, str(d.state), d.attempts, d.status_code, (d.answer or "")[:60])
        for d in found
    ]
    names = ("delivery", "topic", "is", "attempts", "status", "answer")
    show(found, as_json, lambda: table(names, rows, "Nothing yet."))


@app.command("replay")
def replay(
    key: Key,
    since: Annotated[
        datetime | None,
        typer.Option("--since", help="All received since then (UTC), as far as the log has it."),
    ] = None,
    delivery: Annotated[UUID | None, typer.Option("--delivery", help="This one alone.")] = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Tell again: what failed, one delivery, or everything since a moment; ids stay the same."""

    async def ask(tx: Tx, _: Shop, house: OpenHouse) -> Replayed:
        moment = None if since is None else in_utc(since)
        one, again = await keeping.replay(tx, key, moment, delivery, house.clock.now())
        return Replayed(view(one), None if since is not None else again)

    done = in_shop(shop, ask)
    said = "The log is told again." if done.again is None else f"{done.again} are told again."
    show(done, as_json, lambda: said)


@app.command("enable")
def enable(
    key: Key,
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="Tell what happened meanwhile, too.")
    ] = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Tell it again from now on."""

    async def put(tx: Tx, _: Shop, house: OpenHouse) -> EndpointView:
        return view(await keeping.enable(tx, key, house.clock.now(), catch_up=catch_up))

    _told(in_shop(shop, put), as_json)


@app.command("disable")
def disable(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Tell it nothing more; what waits, waits."""

    async def put(tx: Tx, _: Shop, __: OpenHouse) -> EndpointView:
        return view(await keeping.disable(tx, key))

    _told(in_shop(shop, put), as_json)


@app.command("rotate")
def rotate(key: Key, shop: ShopName = None, as_json: Json = False) -> None:
    """Give it another secret, shown this once; both sign for 24 hours."""

    async def put(tx: Tx, _: Shop, house: OpenHouse) -> Registered:
        one = await keeping.rotate(tx, key, house.clock.now())
        return Registered(view(one), keeping.secret(one, house.signer))

    made = in_shop(shop, put)
    show(made, as_json, lambda: f"The new secret of {key!r}, shown once: {made.secret}")


def _told(one: EndpointView, as_json: bool) -> None:
    names = ("webhook", "address", "topics", "is", "waiting")
    show(one, as_json, lambda: table(names, [_row(one)], ""))
