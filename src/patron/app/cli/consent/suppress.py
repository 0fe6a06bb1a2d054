"""`patron suppress …`: addresses that get nothing more."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from patron.app.cli.house import open_house
from patron.app.cli.output import Json, ShopName, clear_errors, show, table
from patron.app.imports.suppressions import SuppressionsImported, bring
from patron.kit.db import Database
from patron.profiles.consents import by_hand
from patron.profiles.consents import suppression_store as store
from patron.profiles.consents.addressing import key_of
from patron.profiles.consents.file import content
from patron.profiles.types import Suppression, SuppressionReason

app = typer.Typer(no_args_is_help=True, help="Addresses that get nothing more.")
Address = Annotated[str, typer.Argument(help="An e-mail address, or a phone number.")]
Channel = Annotated[str, typer.Option(help="email, sms, whatsapp or viber.")]
CHANNELS = ("email", "sms", "whatsapp", "viber")


def _channel(given: str) -> str:
    if given not in CHANNELS:
        raise typer.BadParameter(f"{given!r} is no channel; use one of {', '.join(CHANNELS)}")
    return given


@app.command("list")
def list_suppressions(
    channel: Annotated[str | None, typer.Option(help="Only this channel's.")] = None,
    reason: Annotated[
        SuppressionReason | None, typer.Option(help="Only those for this reason.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 50,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Who gets nothing more, since when and why; newest first."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def look(db: Database) -> list[Suppression]:
            async with db.unit(which.schema) as tx:
                return await store.listed(tx, store.Wanted(channel, reason), None, limit)

        found = house.run(look)
        rows = [
            (s.address_key, s.channel, s.reason, f"{s.at:%Y-%m-%d %H:%M}", s.source) for s in found
        ]
        columns = ("address", "channel", "reason", "since (UTC)", "source")
        show(found, as_json, lambda: table(columns, rows, "No address is suppressed."))


@app.command("add")
def add(
    address: Address,
    channel: Channel = "email",
    note: Annotated[str, typer.Option(help="Why, for whoever asks later.")] = "by command",
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Never write to an address again, until this is lifted by hand."""
    with clear_errors(), open_house() as house:
        which, now = house.shop(shop), house.clock.now()
        key = key_of(address, _channel(channel), which.settings.phone_region)

        async def write(db: Database) -> Suppression:
            async with db.unit(which.schema) as tx:
                return await by_hand.suppress(tx, channel, key, note, now)

        done = house.run(write)
        show(done, as_json, lambda: f"{key} gets nothing more by {channel}.")


@app.command("lift")
def lift(
    address: Address,
    why: Annotated[str, typer.Option(help="Why, for whoever asks later.")],
    channel: Channel = "email",
    reason: Annotated[
        SuppressionReason, typer.Option(help="Which suppression; her own word stays.")
    ] = SuppressionReason.MANUAL,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Take a suppression away. What she said herself takes a newer yes of hers."""
    with clear_errors(), open_house() as house:
        which, now = house.shop(shop), house.clock.now()
        key = key_of(address, _channel(channel), which.settings.phone_region)

        async def write(db: Database) -> Suppression:
            async with db.unit(which.schema) as tx:
                return await by_hand.lift(tx, channel, key, reason, why, now)

        show(house.run(write), as_json, lambda: f"{key} is no longer suppressed ({reason}).")


@app.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(help="CSV with a column `email`, or one address a line.")],
    channel: Channel = "email",
    reason: Annotated[
        SuppressionReason, typer.Option(help="For rows that name no reason.")
    ] = SuppressionReason.MANUAL,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Bring in such a list from another program; the same file again adds nothing."""
    with clear_errors(), open_house() as house:
        which, now = house.shop(shop), house.clock.now()
        report = house.settings.data_dir / "shops" / which.slug / "imports"
        faults = report / f"suppressions-{now:%Y%m%d-%H%M%S}.csv"
        done = house.run(lambda db: bring(db, which, file, _channel(channel), reason, now, faults))
        show(done, as_json, lambda: "\n".join(_lines(done)))


@app.command("export")
def export_list(
    file: Annotated[Path | None, typer.Argument(help="Where to; otherwise the screen.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only this channel's.")] = None,
    reason: Annotated[
        SuppressionReason | None, typer.Option(help="Only those for this reason.")
    ] = None,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """The list as CSV, as an import reads it. With --json and no file, all that `list` shows."""
    if file is None and as_json:
        list_suppressions(channel, reason, sys.maxsize, shop, True)
        return
    with clear_errors(), open_house() as house:
        which = house.shop(shop)

        async def write(db: Database) -> int:
            lines = -1  # the header is none
            out = sys.stdout.buffer if file is None else await asyncio.to_thread(file.open, "wb")
            try:
                async for part in content(db, which, store.Wanted(channel, reason)):
                    out.write(part)
                    lines += part.count(b"\r\n")
            finally:
                if file is not None:
                    out.close()
            return lines

        count = house.run(write)
        if file is not None:
            told = {"file": str(file), "suppressions": count}
            show(told, as_json, lambda: f"{count:,} suppressions are in {file}.")


def _lines(done: SuppressionsImported) -> list[str]:
    lines = [
        f"{done.rows:,} rows: {done.added:,} added, {done.known:,} on the list already or"
        f" taken back by a later yes, {done.invalid:,} without an address."
    ]
    if done.repaired:
        lines.append(f"repaired: {done.repaired:,} texts that had been decoded wrongly")
    lines += [f"row {f.row}, {f.column}: {f.value!r} {f.problem}; {f.remedy}" for f in done.faults]
    if done.report:
        lines.append(f"All of them: {done.report}")
    return lines
