"""`patron privacy …`: what people ask about their data, and the way to their own page."""

from typing import Annotated, Literal
from uuid import UUID

import typer

from patron.app.cli.house import open_house
from patron.app.cli.output import Json, ShopName, clear_errors, show, table
from patron.delivery.preferences.routes import PreferenceLink, link_of
from patron.kit.db import Database
from patron.profiles.consents import request_store as store
from patron.profiles.consents.types import PrivacyRequest, RequestState

app = typer.Typer(no_args_is_help=True, help="What people ask about their data.")


@app.command("list")
def list_requests(
    state: Annotated[RequestState | None, typer.Option(help="Only those.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 50,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Who asked for all that is kept of her, or to be forgotten; newest first."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> list[PrivacyRequest]:
            async with db.unit(which.schema) as tx:
                return await store.listed(tx, state, None, limit)

        found = house.run(look)
        rows = [
            (r.id, r.kind, r.state, f"{r.asked_at:%Y-%m-%d %H:%M}", r.address_key or "(forgotten)")
            for r in found
        ]
        columns = ("id", "asks for", "state", "when (UTC)", "who")
        show(found, as_json, lambda: table(columns, rows, "Nobody asked for anything."))


@app.command("close")
def close_request(
    request_id: Annotated[UUID, typer.Argument(help="The id that `patron privacy list` shows.")],
    state: Annotated[Literal["done", "declined"], typer.Argument(help="How it ended.")],
    note: Annotated[str, typer.Option(help="What was done, or why not.")] = "",
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Say that a request was answered. `patron profile erase` closes those of whom it forgets."""
    with clear_errors(), open_house() as house:
        which, now = house.shop(shop), house.clock.now()

        async def write(db: Database) -> PrivacyRequest:
            async with db.unit(which.schema) as tx:
                return await store.ended(tx, request_id, RequestState(state), note, now)

        done = house.run(write)
        show(done, as_json, lambda: f"The request of {done.address_key} is {done.state}.")


@app.command("link")
def link(
    who: Annotated[str, typer.Argument(help="A profile id, or email:…, user_id:…, phone:…")],
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """The address of her own page: what she gets, how often, what is held about her."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def make(db: Database) -> PreferenceLink:
            async with db.unit(which.schema) as tx:
                return await link_of(tx, which, house.signer, house.settings.public_url, who)

        made = house.run(make)
        show(made, as_json, lambda: made.url)
