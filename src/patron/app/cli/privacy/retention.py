"""`patron retention`: how long what is kept."""

from patron.app.cli.house import open_house
from patron.app.cli.output import Json, ShopName, clear_errors, console, show, table
from patron.app.retention.sweeping import Kept, report

BACKUPS = (
    "Backups are files of yours and hold what there was when they were made: delete old ones."
    " Consents, suppressions and tombstones stay until an erasure, or for good."
)


def retention(shop: ShopName = None, as_json: Json = False) -> None:
    """How long what is kept, since when there is some, and how much has gone."""
    with clear_errors(), open_house() as house:
        which = house.shop(shop)
        found = house.run(
            lambda db: report(db, which, house.settings, house.settings.data_dir, house.clock.now())
        )
        rows = [
            (
                one.kind,
                _kept(one),
                "" if one.oldest is None else f"{one.oldest:%Y-%m-%d}",
                "" if one.last_at is None else f"{one.last_at:%Y-%m-%d %H:%M}",
                one.last_gone,
                one.gone,
                "" if one.next_at is None else f"{one.next_at:%Y-%m-%d %H:%M}",
            )
            for one in found
        ]
        columns = ("kind", "kept", "oldest", "looked at (UTC)", "went then", "in all", "next")
        show(found, as_json, lambda: table(columns, rows, ""))
        if not as_json:
            console.print(BACKUPS)


def _kept(one: Kept) -> str:
    if not one.kept:
        return "for ever"
    return f"{one.kept} {one.unit if one.kept > 1 else one.unit.removesuffix('s')}"
