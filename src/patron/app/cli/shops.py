"""`patron shop …` and `patron key …`."""

import json
from typing import Annotated
from uuid import UUID

import msgspec
import typer
from rich.markup import escape

from patron.app.care import ready
from patron.app.cli.house import open_house
from patron.app.cli.opening.answers import country_of
from patron.app.cli.output import Json, ShopName, clear_errors, show, table
from patron.app.founding import found
from patron.kit.db import Database
from patron.kit.migrate import HOUSE
from patron.kit.problems import Problem, not_found
from patron.shops import store
from patron.shops.found import changed, make_key, refounded
from patron.shops.types import Key, KeyKind, Mode, Shop, ShopChange, ShopSettings
from patron.shops.views import MadeKey, ShopView, view

shop_app = typer.Typer(no_args_is_help=True, help="Shops of this installation.")
key_app = typer.Typer(no_args_is_help=True, help="Keys of a shop.")


@shop_app.command("create")
def create_shop(
    name: Annotated[str, typer.Argument(help="The shop's name, as customers read it.")],
    currency: Annotated[str, typer.Option(help="ISO 4217, such as EUR.")],
    time_zone: Annotated[str, typer.Option(help="IANA, such as Europe/Berlin.")],
    url: Annotated[str, typer.Option(help="The shop's own web address.")],
    owner: Annotated[str, typer.Option(help="Receives rehearsal messages and test mails.")],
    locale: Annotated[
        str, typer.Option(help="How prices are written, such as de or en-GB.")
    ] = "en",
    as_json: Json = False,
) -> None:
    """Open a shop. It starts in rehearsal; its keys are printed this once."""
    with clear_errors(), open_house() as house:
        made = house.run(
            lambda db: found(
                db,
                house.clock.now(),
                name=name,
                currency=currency,
                time_zone=time_zone,
                public_url=url,
                owner_email=owner,
                settings=changed(
                    ShopSettings(phone_region=country_of(time_zone)), {"locale": locale}
                ),
            )
        )
        show(
            made,
            as_json,
            lambda: (
                f"[bold]{escape(made.shop.name)}[/bold] is open, in rehearsal.\n"
                f"write key (public)   {made.write_key}\n"
                f"server key (secret)  {made.server_key}\n"
            ),
        )


@shop_app.command("list")
def list_shops(as_json: Json = False) -> None:
    """All shops of this installation."""
    with clear_errors(), open_house() as house:

        async def look(db: Database) -> list[ShopView]:
            async with db.unit(HOUSE) as tx:
                return [view(shop) for shop in await store.every(tx)]

        shops = house.run(look)
        rows = [(s.slug, s.name, s.currency, s.time_zone, s.mode, s.public_url) for s in shops]
        columns = ("shop", "name", "currency", "time zone", "mode", "address")
        show(shops, as_json, lambda: table(columns, rows, "No shop yet: run `patron init`."))


@shop_app.command("change")
def change_shop(
    name: Annotated[str | None, typer.Option(help="As customers read it.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="IANA, such as Europe/Berlin.")] = None,
    url: Annotated[str | None, typer.Option(help="The shop's own web address.")] = None,
    owner: Annotated[
        str | None, typer.Option(help="Receives rehearsal messages and test mails.")
    ] = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Change a shop's name, time zone, web address or owner. Its currency stays."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        change = ShopChange(name, time_zone, url, owner)

        async def work(db: Database) -> Shop:
            async with db.unit(HOUSE) as tx:
                made = refounded(await store.locked(tx, which.slug), change)
                await store.set_shop(tx, made)
                return made

        made = house.run(work)
        show(
            view(made),
            as_json,
            lambda: escape(
                f"{made.name}: {made.public_url}, {made.time_zone}, owner {made.owner_email}."
            ),
        )


@shop_app.command("set")
def set_setting(
    name: Annotated[str, typer.Argument(help="The setting, such as postal_address.")],
    value: Annotated[str, typer.Argument(help="Its value: a text, or JSON; null takes it away.")],
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Change one setting of a shop. `docs/reference/settings.md` lists them."""
    with clear_errors(), open_house() as house:
        which: Shop = house.shop(shop)

        async def change(db: Database) -> ShopSettings:
            async with db.unit(HOUSE) as tx:
                settings = read_setting(await store.locked_settings(tx, which.slug), name, value)
                await store.set_settings(tx, which.slug, settings)
                return settings

        settings = house.run(change)
        show(settings, as_json, lambda: f"{name} of {which.slug} is set.")


def read_setting(kept: ShopSettings, name: str, value: str) -> ShopSettings:
    """What looks like JSON is taken as such where it fits, and as text otherwise ("12345")."""
    try:
        read = json.loads(value)
    except ValueError:
        return changed(kept, {name: value})
    try:
        return changed(kept, {name: read})
    except Problem:
        if isinstance(read, list | dict):  # no text is meant by that
            raise
        return changed(kept, {name: value})


@key_app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    public: Annotated[bool, typer.Option("--public", help="A write key for pages.")] = False,
    scope: Annotated[list[str] | None, typer.Option(help="What it may do; repeatable.")] = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Make a key. A server key is shown this once."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        kind = KeyKind.PUBLIC if public else KeyKind.SERVER
        key, secret = make_key(kind, name, scope or [], house.clock.now())

        async def keep(db: Database) -> None:
            async with db.unit(HOUSE) as tx:
                await store.insert_key(tx, which.id, key, secret, house.clock.now())

        house.run(keep)
        show(MadeKey(key, secret), as_json, lambda: f"{kind.value} key for {name}: {secret}")


@key_app.command("list")
def list_keys(shop: ShopName = None, as_json: Json = False) -> None:
    """A shop's keys, revoked ones too."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> list[Key]:
            async with db.unit(HOUSE) as tx:
                return await store.keys(tx, which.id)

        keys = house.run(look)
        rows = [(k.id, k.kind, k.name, k.hint, ", ".join(k.scopes), k.revoked_at) for k in keys]
        columns = ("id", "kind", "name", "key", "may", "revoked")
        show(keys, as_json, lambda: table(columns, rows, "No key yet."))


@key_app.command("revoke")
def revoke_key(
    key_id: Annotated[UUID, typer.Argument(help="The id that `patron key list` shows.")],
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Make a key useless, within five seconds."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def revoke(db: Database) -> None:
            async with db.unit(HOUSE) as tx:
                if not await store.revoke_key(tx, which.id, key_id, house.clock.now()):
                    raise not_found("key", key_id)

        house.run(revoke)
        show({"revoked": str(key_id)}, as_json, lambda: f"Key {key_id} is revoked.")


def golive(
    back: Annotated[bool, typer.Option("--back", help="Return to rehearsal.")] = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Let messages go to customers; until then they go to the owner."""
    with clear_errors(), open_house() as house:
        which: Shop = house.shop(shop)
        mode = Mode.REHEARSAL if back else Mode.LIVE

        async def change(db: Database) -> None:
            async with db.unit(HOUSE) as tx:
                await store.set_mode(tx, which.slug, mode)

        house.run(change)
        goes = "customers" if mode is Mode.LIVE else which.owner_email
        left = ready.of_shop(house.settings, msgspec.structs.replace(which, mode=mode))
        left = [one for one in left if one.state != "ok"] if mode is Mode.LIVE else []
        now = "live" if mode is Mode.LIVE else "in rehearsal"
        lines = [escape(f"{which.name} is {now}: messages go to {goes}.")]
        lines += [f"{one.state}: {escape(f'{one.detail} → {one.remedy}')}" for one in left]
        told = {"shop": which.slug, "mode": mode, "left_to_do": left}
        show(told, as_json, lambda: "\n".join(lines))


@shop_app.command("identity-secret")
def identity_secret(shop: ShopName = None, as_json: Json = False) -> None:
    """The key with which the shop's server signs who is logged in, in hex. Keep it secret."""
    with clear_errors(), open_house() as house:
        secret = house.shop(shop).identity_secret.hex()
        show({"identity_secret": secret}, as_json, lambda: secret)
