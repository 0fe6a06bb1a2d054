"""Whose rights the server runs with: PostgreSQL refuses root, so root's rights are dropped.

Only Patron's own folder ever changes hands. Permissions of folders above it are the owner's
business; where the account may not pass, that folder is named.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from patron.kit.postgres.errors import PostgresError

CANDIDATES = ("patron", "postgres", "nobody")

_ENTER = 'for folder; do cd "$folder" 2>/dev/null || { printf %s "$folder"; exit 1; }; done'


@dataclass(frozen=True)
class Account:
    """A user of this machine, by number."""

    uid: int
    gid: int
    name: str


def chosen(data: Path, folder: Path) -> Account | None:
    """The account the server runs as; None means our own, which is right for all but root.

    For root: the owner of the data, else the owner of the folder, else the first of CANDIDATES.
    Raises PostgresError when the data belongs to somebody else, or no account is to be had.
    """
    owner = data.stat().st_uid if data.exists() else folder.stat().st_uid
    if (me := os.geteuid()) != 0:
        if owner != me:
            raise PostgresError(
                f"{data if data.exists() else folder} belongs to {_name(owner)}, and Patron runs "
                f"as {_name(me)}; run it as {_name(owner)} or as root, or choose another data_dir"
            )
        return None
    if owner == 0:
        return _spare(data)
    try:
        entry = pwd.getpwuid(owner)
    except KeyError:
        # The server itself needs no name; only initdb looks its user up.
        return Account(owner, owner, str(owner)) if data.exists() else _spare(data)
    return Account(owner, entry.pw_gid, entry.pw_name)


def _spare(data: Path) -> Account:
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid, name)
    raise PostgresError(
        f"PostgreSQL cannot run as root, and this machine has none of the users "
        f"{', '.join(CANDIDATES)} to own {data}; add one (useradd --system patron) or run Patron "
        "as an ordinary user"
    )


def _name(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user number {uid}"


def blocked_at(folder: Path, account: Account | None) -> Path | None:
    """The first folder on the way to `folder` (itself included) that the account may not enter.

    Tried for real as that account, since permission bits alone do not tell of ACLs and mounts.
    """
    if account is None:
        return None
    way = [str(step) for step in (*reversed(folder.parents), folder)]
    try:
        tried = subprocess.run(
            ["/bin/sh", "-c", _ENTER, "sh", *way],
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            stdout=subprocess.PIPE,
            check=False,
            cwd="/",
        )
    except OSError as error:
        raise PostgresError(
            f"root may not become {account.name} here ({error.strerror}), and PostgreSQL cannot "
            "run as root; run Patron as an ordinary user, allow the container SETUID and SETGID, "
            "or set PATRON_DATABASE_URL to a server that runs already"
        ) from error
    return Path(os.fsdecode(tried.stdout)) if tried.returncode else None
