"""Tags and notes on the command line."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from rich.markup import escape

from patron.app.audit.commands import me
from patron.app.cli.house import OpenHouse, open_house
from patron.app.cli.output import Json, ShopName, clear_errors, show, table
from patron.app.cli.whom import Who
from patron.kit.db import Database, Tx
from patron.profiles.labels import mark, store
from patron.profiles.labels.types import Tag
from patron.shops.types import Shop

T = TypeVar("T")
MOST_TAGS = 10_000


def list_tags(shop: ShopName = None, as_json: Json = False) -> None:
    """The tags there are, with the number of people who have each."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        found = _unit(house, which, lambda tx: store.every_tag(tx, None, MOST_TAGS))
        tags = [tag for _, tag in found]
        rows = [(tag.tag, tag.people) for tag in tags]
        show(tags, as_json, lambda: table(("tag", "people"), rows, "No tag yet."))


def add_tag(
    who: Who,
    tag: Annotated[str, typer.Argument(help="One to sixty characters.")],
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Tag a customer, such as `bargain shopper`."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        by, now = me().name, house.clock.now()
        left = _unit(house, which, lambda tx: mark.tag(tx, which, who, tag, by, now))
        show(left, as_json, lambda: _hers(left))


def remove_tag(
    who: Who,
    tag: Annotated[str, typer.Argument(help="As it is written, or in small letters.")],
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Take a tag off a customer."""
    with clear_errors(), open_house() as house:
        which, now = house.shop(shop), house.clock.now()
        left = _unit(house, which, lambda tx: mark.untag(tx, which, who, tag, now))
        show(left, as_json, lambda: _hers(left))


def add_note(
    who: Who,
    text: Annotated[str, typer.Argument(help="Up to five thousand characters.")],
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Write a note on a customer; it is shown on her page."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        by, now = me().name, house.clock.now()
        note = _unit(house, which, lambda tx: mark.note(tx, which, who, text, by, now))
        show(note, as_json, lambda: f"Note {note.id} is written.")


def remove_note(
    who: Who,
    note_id: Annotated[UUID, typer.Argument(help="As `patron profile show --json` has it.")],
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Take a note off a customer, for good."""
    with clear_errors(), open_house() as house:
        which, now = house.shop(shop), house.clock.now()
        _unit(house, which, lambda tx: mark.unnote(tx, which, who, note_id, now))
        show({"removed": str(note_id)}, as_json, lambda: f"Note {note_id} is gone.")


def _unit(house: OpenHouse, shop: Shop, work: Callable[[Tx], Awaitable[T]]) -> T:
    async def done(db: Database) -> T:
        async with db.unit(shop.schema) as tx:
            return await work(tx)

    return house.run(done)


def _hers(tags: list[Tag]) -> str:
    return escape("Her tags: " + (", ".join(one.tag for one in tags) or "none"))
