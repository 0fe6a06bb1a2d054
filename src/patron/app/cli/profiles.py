"""`patron profile …`: one customer, everything about her."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from patron.app import people
from patron.app.care.erasing import erase_and_prove
from patron.app.care.forgetting import Forgotten, forget
from patron.app.cli.house import open_house
from patron.app.cli.output import Json, ShopName, clear_errors, console, fail, show, table
from patron.events import store as events
from patron.events.types import LoggedEvent
from patron.kit.db import Database
from patron.kit.problems import not_found
from patron.profiles import store
from patron.profiles.types import Person, Reach

app = typer.Typer(no_args_is_help=True, help="One customer, everything about her.")

Who = Annotated[
    str, typer.Argument(help="A profile id, or email:…, user_id:…, phone:…, anonymous_id:…")
]
TIMELINE = 20


class Shown(msgspec.Struct, frozen=True):
    """A profile with the newest part of its timeline."""

    profile: Person
    email: Reach
    timeline: list[LoggedEvent]


@app.command("show")
def show_profile(who: Who, shop: ShopName = None, as_json: Json = False) -> None:
    """Who she is, whether she may be written to, and what she did last."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> Shown:
            async with db.unit(which.schema) as tx:
                root = await store.find(tx, who, which.settings.phone_region)
                person = None if root is None else await store.person(tx, root)
                if person is None:
                    raise not_found("profile", who)
                reach = await store.reach(tx, person.id, "email", "marketing")
                line = await events.timeline(tx, person.origins, before=None, limit=TIMELINE)
                return Shown(person, reach, line)

        shown = house.run(look)
        if as_json:
            show(shown, True, str)
            return
        person = shown.profile
        console.print(f"[bold]profile {person.id}[/bold]", highlight=False)
        facts: list[tuple[str, Any]] = [
            ("identifiers", ", ".join(f"{i.kind}:{i.value}" for i in person.identifiers)),
            ("first seen", f"{person.first_seen:%Y-%m-%d %H:%M} UTC"),
            ("last seen", f"{person.last_seen:%Y-%m-%d %H:%M} UTC"),
            ("e-mail consent", shown.email.consent),
            ("suppressed", shown.email.suppressed or "no"),
            *person.traits.items(),
        ]
        console.print(table(["", ""], facts, ""))
        rows = [(f"{e.ts:%Y-%m-%d %H:%M:%S}", e.name, e.channel, e.device) for e in shown.timeline]
        console.print(table(["when (UTC)", "what", "came by", "on"], rows, "No event."))


@app.command("export")
def export_profile(who: Who, shop: ShopName = None, as_json: Json = False) -> None:
    """Everything kept about her, as one JSON value, with or without --json."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> dict[str, Any]:
            async with db.unit(which.schema) as tx:
                return await people.export(tx, which, who)

        show(house.run(look), True, str)


@app.command("erase")
def erase_profile(
    who: Who,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    proof: Annotated[
        bool,
        typer.Option(help="Look for her everywhere afterwards, some 10 s a gigabyte."),
    ] = True,
    now: Annotated[
        bool,
        typer.Option(
            "--now",
            help="Write PostgreSQL's files anew now instead of at night; nobody works meanwhile.",
        ),
    ] = False,
    also: Annotated[
        list[Path] | None,
        typer.Option(help="Search this folder too, such as that of your logs; repeatable."),
    ] = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Forget her for good, in every room, and prove it. Orders stay as sums of nobody's."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        if not yes and not typer.confirm(f"Forget {who} for good?"):
            fail("nothing was erased", None)

        async def erase(db: Database) -> Forgotten:
            given = (db, which, who, house.signer, house.clock, house.settings)
            if not (proof or now):
                return await forget(*given)
            return await erase_and_prove(*given, at_once=now, also=also or [])

        done = house.run(erase)
        show(done, as_json, lambda: _told(done))
        if done.proof is not None and done.proof.found:
            raise typer.Exit(1)


def _told(done: Forgotten) -> str:
    gone = f"Forgotten: {done.events} events, {done.carts} carts, {done.messages} messages."
    if done.proof is None:
        return f"{gone} The lake follows within a minute, or now with `patron lake copy`."
    return escape(f"{gone}\n{done.proof}")
