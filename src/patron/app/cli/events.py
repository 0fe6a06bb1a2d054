"""`patron events …`: what comes in, what was refused, and another try."""

import time
from typing import Annotated, Literal

import msgspec
import typer

from patron.app.cli.house import OpenHouse, Unreachable, open_house
from patron.app.cli.output import (
    Json,
    ShopName,
    clear_errors,
    complain,
    console,
    fail,
    show,
    table,
)
from patron.events import store
from patron.events.debugger import EventView, RefusalView, event_view, refusal_view
from patron.events.inbox import Inbox
from patron.events.refused import store as refused
from patron.events.refused.replay import Replayed, replay
from patron.events.types import Drop
from patron.kit.db import Database
from patron.shops.types import Shop

app = typer.Typer(no_args_is_help=True, help="What comes in, and what was refused.")

Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")]
POLL_SECONDS = 0.2


@app.command("tail")
def tail(
    limit: Limit = 10,
    once: Annotated[bool, typer.Option("--once", help="Do not wait for more.")] = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """The newest events, then each as it comes in. Ctrl-C ends it."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def newest(db: Database) -> list[EventView]:
            async with db.unit(which.schema) as tx:
                return [event_view(e) for e in await store.latest(tx, limit, None)][::-1]

        found = house.run(newest)
        if once and as_json:
            show(found, True, str)
            return
        position = _print(found, as_json)
        if not once:
            _follow(house, which, position, as_json)


def _follow(house: OpenHouse, which: Shop, position: int, as_json: bool) -> None:
    async def behind(db: Database) -> list[EventView]:
        async with db.unit(which.schema) as tx:
            return [event_view(e) for e in await store.after(tx, position, 200)]

    away = False
    try:
        while True:
            try:
                found = house.run(behind)
            except Unreachable:
                if not away:
                    complain("the database does not answer", "this waits until it does")
                away = True
            else:
                away, position = False, max(position, _print(found, as_json))
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return


def _print(found: list[EventView], as_json: bool) -> int:
    """Print events, oldest first; the last one's position, or 0."""
    for event in found:
        if as_json:
            typer.echo(msgspec.json.encode(event).decode())
        else:
            who = event.user_id or event.anonymous_id or ""
            console.print(
                f"{event.timestamp:%H:%M:%S}  {event.name:<24}  {who:<24}  {event.channel or ''}",
                highlight=False,
                markup=False,
            )
    return found[-1].position if found else 0


@app.command("rejected")
def rejected(
    reason: Annotated[Drop | None, typer.Option(help="Only refusals for this reason.")] = None,
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Events that made the walk fail instead.")
    ] = False,
    limit: Limit = 20,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Events that were not accepted in the last seven days, and why."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        kind: refused.Kind = "dead-letter" if dead_letters else "rejected"

        async def look(db: Database) -> list[RefusalView]:
            async with db.unit(which.schema) as tx:
                letters = await refused.listed(tx, kind, reason=reason, before=None, limit=limit)
            return [refusal_view(letter) for letter in letters]

        found = house.run(look)
        rows = [(r.id, f"{r.at:%Y-%m-%d %H:%M:%S}", r.reason, r.detail) for r in found]
        columns = ("id", "when (UTC)", "reason", "in words")
        nothing = "Nothing was refused." if reason is None else f"Nothing was refused as {reason}."
        show(found, as_json, lambda: table(columns, rows, nothing))


@app.command("replay")
def replay_events(
    ids: Annotated[
        list[int] | None, typer.Option("--id", help="Only this one; repeatable.")
    ] = None,
    reason: Annotated[Drop | None, typer.Option(help="Only refusals for this reason.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything that is listed.")] = False,
    what: Annotated[
        Literal["rejected", "dead-letters"], typer.Option(help="Which list.")
    ] = "rejected",
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Run refused events again, after the cause was mended."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        if not ids and reason is None and not every:
            fail("nothing says which events to replay", "give --id, --reason or --all")
        kind: refused.Kind = "dead-letter" if what == "dead-letters" else "rejected"

        async def again(db: Database) -> Replayed:
            inbox = Inbox(house.url, house.clock)
            try:
                return await replay(db, which, inbox, kind, ids=ids, reason=reason)
            finally:
                await inbox.close()

        done = house.run(again)
        show(done, as_json, lambda: f"In the inbox again: {done.replayed}.")
