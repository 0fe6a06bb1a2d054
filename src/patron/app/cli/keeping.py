"""`patron backup`, `patron restore` and `patron upgrade`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from patron.app.care.backup import back_up, restore, secret_in
from patron.app.cli.house import open_house
from patron.app.cli.output import Json, clear_errors, console, fail, show
from patron.app.context import open_signer, read_settings
from patron.app.installing import write_secret_once
from patron.app.rooms import prepare_house
from patron.kit.db import Database
from patron.kit.postgres.place import make_folder

File = Annotated[Path, typer.Argument(help="The backup, a .tar file.")]


def backup(file: File, as_json: Json = False) -> None:
    """Write database, lake and secret to one file, while Patron runs."""
    with clear_errors(), open_house() as house:
        done = asyncio.run(back_up(house.settings, house.url, house.clock, file))
        show(
            done,
            as_json,
            lambda: f"{done.file}: {done.bytes / 1e6:.1f} MB, shops {', '.join(done.shops)}",
        )


def restore_backup(
    file: File,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    moved: Annotated[
        bool,
        typer.Option(
            "--moved",
            help="Patron was stopped before this backup was made and has not run since: what waits"
            " in it goes on.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in place of everything that is there. Stop `patron serve` first.

    Journeys and messages that were waiting end, for they may have left since the backup was made.
    """
    with clear_errors():
        secret = secret_in(file)  # what is no backup is told before anybody is asked
        if not yes and not typer.confirm("Replace every shop of this installation?"):
            fail("nothing was restored", "give --yes where nobody can be asked")
        settings = read_settings()
        make_folder(settings.data_dir)  # on a new machine there is none yet
        if settings.secret is None and secret is not None:
            write_secret_once(settings.data_dir / "secret", secret)
        with open_house() as house:
            signer = open_signer(house.settings)
            done = asyncio.run(
                restore(house.settings, house.url, signer, house.clock, file, moved=moved)
            )
        if as_json:
            show(done, True, str)
            return
        console.print(f"Restored the backup of {done.taken_at:%Y-%m-%d %H:%M} UTC.")
        for slug, calmed in done.calmed.items():
            console.print(
                f"{slug}: {calmed.runs} runs and {calmed.messages} messages that were waiting have"
                " ended, for they may have gone on since. Marketing rests for a day."
            )
            if calmed.ambiguous:
                console.print(
                    f"{calmed.ambiguous} were just being sent: `patron message list --state"
                    f" ambiguous --shop {slug}`"
                )
        for name in done.cut:
            console.print(
                f"The lake knew more: {name}\n  bring it back with `patron import events`"
            )
        if done.buried:
            console.print(f"{done.buried} erased people were in the backup and are erased again.")


def upgrade(
    file: Annotated[
        Path | None, typer.Option("--backup", help="Write a backup here before anything changes.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring every schema up to this version. `patron serve` does it too, without a backup."""
    with clear_errors(), open_house(prepare=False) as house:
        if file is not None:
            asyncio.run(back_up(house.settings, house.url, house.clock, file))

        async def migrate(db: Database) -> list[str]:
            return await prepare_house(db)

        ran = house.run(migrate)
        show(
            {"applied": ran},
            as_json,
            lambda: "\n".join(f"applied {name}" for name in ran) or "Everything is up to date.",
        )
