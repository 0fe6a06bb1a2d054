"""Where a database lives: one folder, and what stands in it.

`data` (PostgreSQL's own), `log`, `run` (the socket), and ours: `password`, the two configuration
files, `lock` and `start.log`. Where the server's account cannot get to the folder because it lies
below somebody's closed home, the files stand elsewhere and the folder says where.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from patron.kit.postgres.errors import PostgresError
from patron.kit.postgres.privileges import Account, blocked_at, chosen

STATE = Path("/var/lib/patron")
"""Where root's servers live whose own folder is closed to the account they run as."""

POINTER = "elsewhere"
# A socket's address holds 108 bytes, one of them the closing NUL.
_LONGEST_SOCKET = 107
_SOCKET = ".s.PGSQL.5432"


@dataclass(frozen=True)
class Place:
    """The paths of one database and the account it runs as (None: our own)."""

    home: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def unfinished(self) -> Path:
        """Where initdb works until all is there: a half-made database is never taken for one."""
        return self.home / "data.new"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def first_words(self) -> Path:
        return self.home / "start.log"

    @property
    def password(self) -> Path:
        return self.home / "password"

    @property
    def configuration(self) -> Path:
        return self.home / "postgresql.conf"

    @property
    def access(self) -> Path:
        return self.home / "pg_hba.conf"

    @property
    def exists(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    def socket_folder(self) -> Path:
        """`run`, or a private folder in the system's temporary one if that path is too long.

        The name follows from the path, so that every process of ours finds the same.
        """
        own = self.home / "run"
        if _fits(own):
            return own
        mark = hashlib.sha256(os.fsencode(self.home.resolve())).hexdigest()[:16]
        for temporary in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - made private and checked
            if _fits(short := Path(temporary) / f"patron-{mark}"):
                return short
        raise PostgresError(
            f"{own} is too long a path for a socket (more than {_LONGEST_SOCKET} bytes with "
            f"/{_SOCKET}), and so is the temporary folder; choose a shorter data_dir"
        )

    def owned(self, folder: Path) -> Path:
        """`folder`, made if need be: private, and the account's own.

        Raises PostgresError when it is somebody else's already, as may be in a temporary folder.
        """
        uid, gid = (self.account.uid, self.account.gid) if self.account else (os.geteuid(), -1)
        try:
            folder.mkdir(mode=0o700)
            if self.account:
                os.chown(folder, uid, gid, follow_symlinks=False)
        except FileExistsError:
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
                raise PostgresError(
                    f"{folder} is not a private folder of user number {uid}; remove it"
                ) from None
        return folder

    def write(self, path: Path, text: str, mode: int, owner: Account | None = None) -> None:
        """Put a file in place at once and for good; it follows no link that stands there."""
        handle, name = tempfile.mkstemp(dir=self.home, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(handle, mode)
            self._give(handle, owner)
            os.fsync(handle)
        Path(name).replace(path)
        sync(self.home)

    def create(self, path: Path) -> int:
        """A descriptor of a new private file in the folder, the folder's owner's."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, 0o600)
        self._give(handle, None)
        return handle

    def _give(self, handle: int, owner: Account | None) -> None:
        if owner:
            os.fchown(handle, owner.uid, owner.gid)
        elif os.geteuid() == 0:
            keeper = self.home.lstat()
            os.fchown(handle, keeper.st_uid, keeper.st_gid)

    def try_lock(self) -> int | None:
        """A descriptor that locks this database, or None while another process holds the lock.

        The server inherits the descriptor, and so do its children: the lock is free when the
        last of them is gone, whatever killed them and whichever container looks.
        """
        path = self.home / "lock"
        try:
            handle = self.create(path)
        except FileExistsError:
            handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError as error:
            os.close(handle)
            raise PostgresError(
                f"{self.home} is on a file system without locks ({error.strerror}); a database "
                "needs a local disk: choose another data_dir"
            ) from error
        return handle


def found(folder: Path) -> Place | None:
    """The place of a database that was started before; None if there is none yet."""
    home = _home(folder)
    if not (home / "data").exists():
        return None
    return Place(home, chosen(home / "data", home))


def settled(folder: Path, state: Path) -> tuple[Place, str | None]:
    """The place for `folder`, made if need be, and a remark for the owner if it lies elsewhere.

    Raises PostgresError naming the folder that is in the way.
    """
    make_folder(folder)
    home = _home(folder)
    place = Place(home, chosen(home / "data", home))
    blocked = blocked_at(home, place.account)
    if blocked is None or place.account is None:
        return place, None
    name = place.account.name
    if place.exists or home != folder:
        raise PostgresError(
            f"PostgreSQL runs as {name}, who may not enter {blocked}, and the database is in "
            f"{home}; allow it with: chmod o+x {blocked}"
        )
    elsewhere = state / f"postgres-{secrets.token_hex(6)}"
    try:
        make_folder(elsewhere)
        state.chmod(0o755)
    except OSError as error:
        raise PostgresError(
            f"PostgreSQL runs as {name}, who may not enter {blocked}, and {state} cannot be used "
            f"instead ({error.strerror}); choose a data_dir outside {blocked}, or run Patron as "
            "an ordinary user"
        ) from error
    if still := blocked_at(elsewhere, place.account):
        raise PostgresError(
            f"PostgreSQL runs as {name}, who may enter neither {blocked} nor {still}; choose a "
            "data_dir it can get to, or run Patron as an ordinary user"
        )
    Place(folder, None).write(folder / POINTER, f"{elsewhere}\n", 0o644)
    remark = f"PostgreSQL runs as {name}, who may not enter {blocked}: its files are in {elsewhere}"
    return Place(elsewhere, place.account), remark


def make_folder(folder: Path) -> None:
    """Make `folder` and its missing parents.

    Root's are enterable (0711), since the server runs as somebody else, and belong to whoever
    owns the folder they stand in; ours are private. Folders that exist are left as they are.
    """
    for step in reversed([folder, *folder.parents]):
        if step.exists():
            continue
        step.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            step.chmod(0o711)
            above = step.parent.stat()
            os.chown(step, above.st_uid, above.st_gid)


def removed(folder: Path) -> None:
    """Delete the database of `folder` wherever it stands. Its server must have been stopped."""
    home = _home(folder, gone_is_fine=True)
    for path in {home, folder}:
        if path.exists():
            shutil.rmtree(path)


def sync(folder: Path) -> None:
    """Make what was renamed in `folder` outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _home(folder: Path, *, gone_is_fine: bool = False) -> Path:
    pointer = folder / POINTER
    if not pointer.exists():
        return folder
    home = Path(pointer.read_text(encoding="utf-8").strip())
    if not home.is_dir() and not gone_is_fine:
        raise PostgresError(
            f"{pointer} says that the database is in {home}, which is not there; bring that "
            f"folder back, or remove {folder} to begin with an empty database"
        )
    return home


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / _SOCKET)) <= _LONGEST_SOCKET
