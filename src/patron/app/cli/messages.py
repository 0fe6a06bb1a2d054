"""`patron message …`: what was said, what was not, and why."""

from typing import Annotated, Literal
from uuid import UUID

import typer
from rich.markup import escape

from patron.app.cli.house import open_house
from patron.app.cli.output import Json, ShopName, clear_errors, console, show, table
from patron.delivery.returning import Taken, take
from patron.kit.db import Database
from patron.kit.problems import conflict, not_found
from patron.messages import outbox, store
from patron.messages.outbox import Resolution
from patron.messages.routes import MessageStory, MessageView, story, view
from patron.messages.store import Filter
from patron.messages.types import State

app = typer.Typer(no_args_is_help=True, help="What was said, what was not, and why.")
Id = Annotated[UUID, typer.Argument(help="The message's id, as `patron message list` shows it.")]


@app.command("list")
def list_messages(
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    journey: Annotated[str | None, typer.Option(help="Only this journey's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """The outbox, newest first."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        wanted = Filter(state=state, source=f"journey:{journey}" if journey else None)

        async def look(db: Database) -> list[MessageView]:
            async with db.unit(which.schema) as tx:
                return [view(m) for m in await store.listed(tx, wanted, None, limit)]

        found = house.run(look)
        rows = [(m.id, m.state, m.journey, f"{m.queued_at:%Y-%m-%d %H:%M}", m.words) for m in found]
        columns = ("id", "state", "journey", "queued (UTC)", "in words")
        show(found, as_json, lambda: table(columns, rows, "No message."))


@app.command("why")
def why(message_id: Id, shop: ShopName = None, as_json: Json = False) -> None:
    """Every decision about one message, in words."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> MessageStory:
            async with db.unit(which.schema) as tx:
                found = await store.find(tx, message_id)
            if found is None:
                raise not_found("message", message_id)
            return story(found)

        told = house.run(look)
        if as_json:
            show(told, True, str)
            return
        console.print(f"[bold]{told.template}[/bold] by {told.journey}: {told.state}")
        rows = [(f"{line.at:%Y-%m-%d %H:%M:%S}", line.words) for line in told.story]
        console.print(table(["when (UTC)", "what"], rows, "No decision yet."))


@app.command("returned")
def returned(
    file: Annotated[
        typer.FileBinaryRead, typer.Argument(help="The mail as it came; - is standard input.")
    ],
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Hand over a mail that came back: a delivery status notification, or a complaint."""
    with clear_errors(), open_house() as house:
        which, mail = house.shop(shop), file.read()

        async def act(db: Database) -> Taken:
            return await take(db, which, mail, house.clock.now())

        told = house.run(act)
        ends = "Nothing more is sent there." if told.suppressed else "Nothing changes."
        words = f"Message {told.message_id} {told.verdict}: {told.said}. {ends}"
        show(told, as_json, lambda: escape(words))


@app.command("resolve")
def resolve(
    message_id: Id,
    answer: Annotated[Literal["sent", "resend"], typer.Argument(help="What you found out.")],
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Decide about a message of which nobody knows whether it went out."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def decide(db: Database) -> MessageStory:
            async with db.unit(which.schema) as tx:
                found = await store.find(tx, message_id)
                if found is None:
                    raise not_found("message", message_id)
                if not await outbox.resolve(tx, message_id, Resolution(answer), house.clock.now()):
                    raise conflict(
                        f"message {message_id} is {found.state}, not ambiguous",
                        remedy="`patron message list --state ambiguous` lists what waits for you",
                    )
                return story(await store.find(tx, message_id) or found)

        told = house.run(decide)
        show(told, as_json, lambda: f"Message {message_id} is {told.state}.")
