"""`patron import …`: history and lists out of files, previewed, resumable, never twice."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs
from rich.console import Console

from patron.app.cli.house import OpenHouse, open_house
from patron.app.cli.imported import outcome_lines, preview_lines, preview_value
from patron.app.cli.output import Json, ShopName, clear_errors, console, fail, show
from patron.app.cli.progress import Bar
from patron.app.imports.demo import Brought, bring_completejourney
from patron.app.imports.listing import came, forecast, onto
from patron.app.imports.making.calls import Onto
from patron.app.imports.mapping import Kind, Mapping, dump_map, load_map
from patron.app.imports.plan import Plan, understand
from patron.app.imports.run import Outcome, Run
from patron.kit.problems import bad_request
from patron.shops.types import Shop

INTERRUPTED = 130  # as shells report a program ended by Ctrl-C

app = typer.Typer(
    no_args_is_help=True,
    help="Bring in history and lists from files: CSV, TSV, Parquet or JSON lines, also .gz.",
)
File = Annotated[Path, typer.Argument(help="The file: CSV, TSV, Parquet or JSON lines, or .gz.")]
Map = Annotated[
    Path | None, typer.Option("--map", help="Which column is which field; see docs/import.md.")
]
SaveMap = Annotated[
    Path | None, typer.Option("--save-map", help="Write down what was understood, to be edited.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Import without asking.")]
Again = Annotated[bool, typer.Option("--again", help="Read a file again that was imported.")]


@app.command("events")
def events(
    file: File,
    map_file: Map = None,
    save_map: SaveMap = None,
    yes: Yes = False,
    again: Again = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """What happened: an event a row, or stored Segment calls as JSON lines."""
    bring("events", file, Asked(map_file, save_map, yes, again, shop, as_json))


@app.command("orders")
def orders(
    file: File,
    map_file: Map = None,
    save_map: SaveMap = None,
    yes: Yes = False,
    again: Again = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Orders: one a row, or one line of an order a row; negative quantities are returns."""
    bring("orders", file, Asked(map_file, save_map, yes, again, shop, as_json))


@app.command("profiles")
def profiles(
    file: File,
    map_file: Map = None,
    save_map: SaveMap = None,
    yes: Yes = False,
    again: Again = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Customers: who they are, and whether they agreed to mail."""
    bring("profiles", file, Asked(map_file, save_map, yes, again, shop, as_json))


@app.command("products")
def products(
    file: File,
    map_file: Map = None,
    save_map: SaveMap = None,
    yes: Yes = False,
    again: Again = False,
    shop: ShopName = None,
    as_json: Json = False,
) -> None:
    """Products and variants: a shop system's export, or a product feed as a table."""
    bring("products", file, Asked(map_file, save_map, yes, again, shop, as_json))


@app.command("completejourney")
def completejourney(shop: ShopName = None, as_json: Json = False) -> None:
    """A year of orders of the data set completejourney (simulated-based, made for education)."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        try:
            with Bar(as_json) as bar:
                brought = bring_completejourney(house, which, bar.events)
        except KeyboardInterrupt:
            fail("stopped; the same command goes on", None)
        show(brought, as_json, lambda: "\n".join(_told(brought)))


@dataclass
class Asked:
    """The options of one import command. `onto` is the key of the list to put people on,
    `consent_from` says where the file's consents were given."""

    map_file: Path | None
    save_map: Path | None
    yes: bool
    again: bool
    shop: str | None
    as_json: bool
    onto: str | None = None
    consent_from: str | None = None


def bring(kind: Kind, file: Path, asked: Asked) -> None:
    """Show what is understood of `file`, ask, and import it."""
    with clear_errors(), open_house() as house:
        shop = house.shop(asked.shop)
        plan = _plan(house, shop, kind, file, asked)
        told = None
        if plan.onto is not None and not asked.yes:
            told = house.run(lambda db: forecast(db, shop, plan, house.clock))
        if asked.save_map is not None:
            asked.save_map.write_text(dump_map(plan.mapping), "utf-8")
        if not asked.as_json:
            for line in preview_lines(plan, told):
                console.print(line, highlight=False)
        if not asked.yes:
            if asked.as_json:
                show(preview_value(plan, told), True, str)
                return
            if not sys.stdin.isatty():
                fail("nobody can be asked here", "give --yes to import what the preview shows")
            if not typer.confirm("Import this?"):
                return
        outcome = _run(house, shop, plan, asked)
        if (list_ := plan.onto) is not None:
            counted = house.run(lambda db: came(db, shop, list_))
            outcome = structs.replace(outcome, list=counted)
        show(outcome, asked.as_json, lambda: "\n".join(outcome_lines(outcome)))


def _plan(house: OpenHouse, shop: Shop, kind: Kind, file: Path, asked: Asked) -> Plan:
    if asked.map_file is not None and asked.save_map == asked.map_file:
        raise bad_request(
            f"--save-map would overwrite {asked.map_file}", remedy="name another file"
        )
    given = load_map(asked.map_file, kind) if asked.map_file is not None else None
    list_ = _list(house, shop, given, asked)
    size = file.stat().st_size if file.is_file() else 0
    with Bar(asked.as_json) as bar:
        tick = bar.bytes(size)
        return understand(file, kind, given, shop, house.clock.now(), tick, list_)


def _list(house: OpenHouse, shop: Shop, given: Mapping | None, asked: Asked) -> Onto | None:
    """The list that was asked for, else the one that the map names."""
    key = asked.onto or (given.options.list if given is not None else None)
    if key is None:
        return None
    found = house.run(lambda db: onto(db, shop, key))
    return structs.replace(found, consent_where=asked.consent_from)


def _run(house: OpenHouse, shop: Shop, plan: Plan, asked: Asked) -> Outcome:
    with Bar(asked.as_json) as bar:
        run = Run(house, shop, plan, bar.rows(plan.table.total))
        if asked.again:
            run.restart()
        if run.done_at is not None:
            return run.outcome(run.standing.rows, 0.0, already=run.done_at)
        try:
            return run.run()
        except KeyboardInterrupt:
            rows = run.standing.rows
    errors = Console(stderr=True)
    errors.print(f"stopped after row {rows}; the same command goes on from there")
    raise typer.Exit(INTERRUPTED)


def _told(brought: Brought) -> list[str]:
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in brought.dropped.items())
    return [
        brought.notice,
        f"{brought.baskets_kept:,} of {brought.baskets_before:,} baskets and"
        f" {brought.lines_kept:,} of {brought.lines_before:,} lines are left;"
        f" lines left out: {dropped}.",
        f"{brought.events:,} events, {brought.new:,} of them new, in {brought.seconds:.0f} s.",
    ]
