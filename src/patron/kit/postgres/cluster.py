"""The data directory: made once, recognised ever after, and never mistaken for another's."""

import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from patron.kit.postgres import programs
from patron.kit.postgres.errors import PostgresError
from patron.kit.postgres.place import Place, sync

USER = "patron"
DATABASE = "patron"

# Nothing of the caller's environment (PGDATA, LC_ALL, …) may change what the server does.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def check_version(place: Place) -> None:
    """Raise PostgresError if another major version made the data, or no PostgreSQL at all."""
    ours = programs.version()
    try:
        found = (place.data / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        if place.data.exists() and any(place.data.iterdir()):
            raise PostgresError(
                f"{place.data} holds files but no PostgreSQL database; move them away, or "
                "choose another data_dir"
            ) from None
        return
    if found != str(programs.MAJOR):
        raise PostgresError(
            f"the database in {place.data} was made by PostgreSQL {found}, and this Patron brings "
            f"{ours}; back it up with the Patron that made it (patron backup), move "
            f"{place.home} away and restore the backup with this one (patron restore), or set "
            f"PATRON_DATABASE_URL to a PostgreSQL {found} server of your own"
        )


def create(place: Place, bin_folder: Path, lock: int, *, synced: bool) -> None:
    """initdb, with UTF-8, code point order, checksums and a generated password.

    The directory gets its name when all is on disk; `synced` False leaves that to chance, for
    tests. Holds `lock` in its processes too, so that nobody starts before they ended.
    """
    if place.unfinished.exists():
        shutil.rmtree(place.unfinished)
    place.owned(place.unfinished)
    password = secrets.token_urlsafe(32)
    place.write(place.password, password, 0o600)
    handover = place.home / "password.initdb"
    place.write(handover, password, 0o600, place.account)
    try:
        made = _run(
            place,
            [
                str(bin_folder / "initdb"),
                f"--pgdata={place.unfinished}",
                f"--username={USER}",
                "--auth=scram-sha-256",
                f"--pwfile={handover}",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--data-checksums",
                "--no-instructions",
                *([] if synced else ["--no-sync"]),
            ],
            lock,
        )
    finally:
        handover.unlink(missing_ok=True)
    if made.returncode:
        raise PostgresError(
            f"initdb could not make a database in {place.unfinished}: {_last(made)}; "
            "put that right and start again"
        )
    place.unfinished.rename(place.data)
    sync(place.home)


def give_new_password(place: Place, bin_folder: Path, lock: int) -> None:
    """Replace a password file that was lost; the server must not run.

    Whoever may read the data directory owns the database anyway, so this opens no door.
    """
    password = secrets.token_urlsafe(32)
    done = _run(
        place,
        [
            *(str(bin_folder / "postgres"), "--single", "-D", str(place.data)),
            *("-c", f"config_file={place.configuration}", "-c", "logging_collector=off"),
            "postgres",
        ],
        lock,
        f"ALTER ROLE {USER} PASSWORD '{password}'\n",
    )
    if done.returncode or "ERROR" in done.stderr:
        raise PostgresError(
            f"{place.password} is missing and no new password could be set: {_last(done)}; "
            "bring the file back from a backup"
        )
    place.write(place.password, password, 0o600)


def _run(
    place: Place, command: Sequence[str], lock: int, said: str = ""
) -> subprocess.CompletedProcess[str]:
    account = place.account
    return subprocess.run(
        command,
        input=said,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        env=ENVIRONMENT,
        umask=0o077,
        pass_fds=[lock],
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _last(ended: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
    return " / ".join(lines[-3:]) or f"it ended with status {ended.returncode}"
