"""Backup and restore of an installation: one file, taken while Patron runs.

The database is dumped first, in one snapshot; the lake after it, so it may know more than the
database, never less; how far imports are is noted before it, so that it knows less, never more. A
restore cuts the lake back and buries again whoever was erased since.
"""

import asyncio
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec
import psycopg

from patron import VERSION
from patron.app.care import tombstones
from patron.app.care.aftermath import Calmed, calm
from patron.app.care.forgetting import forget
from patron.app.imports.state import copy_moment, copy_standings, replace_standings
from patron.app.jobs import copy_lake
from patron.app.rooms import prepare_house
from patron.events.lake import store as lake_store
from patron.events.sorted.layout import sorted_of
from patron.kit.clock import Clock
from patron.kit.db import Database, connect, tuples, value
from patron.kit.lake import lake_of
from patron.kit.migrate import HOUSE
from patron.kit.postgres.programs import binary
from patron.kit.problems import Problem
from patron.kit.settings import Settings
from patron.kit.signing import Signer
from patron.recommend.history.kept import kept_of
from patron.shops import store as shops
from patron.shops.types import Shop

DUMP, SECRET, MANIFEST = "database.dump", "secret", "manifest.json"
WAIT_SECONDS = 0.2
UNKNOWN_TO_OLDER = b"SET transaction_timeout = 0;\n"


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds. `shops` by their short names."""

    version: str
    taken_at: datetime
    shops: list[str]


class BackedUp(msgspec.Struct, frozen=True):
    file: str
    bytes: int
    shops: list[str]


class Restored(msgspec.Struct, frozen=True):
    """`cut` are the files with events that the lake knew and the backup did not; `buried` counts
    people whom the backup brought back and who were erased again. `calmed` tells, by shop, what
    was waiting and does not go on; it is empty when the restore was told that nothing has run."""

    taken_at: datetime
    shops: list[str]
    migrated: list[str]
    cut: list[str]
    buried: int
    calmed: dict[str, Calmed] = {}


async def back_up(settings: Settings, url: str, clock: Clock, file: Path) -> BackedUp:
    """Write a backup to `file`, whole or not at all. Problem 409 when the file exists."""
    if file.exists():
        raise Problem(409, "File exists", f"{file} exists", remedy="name another file")
    async with Database(url, max_size=1, name="patron-backup") as db, db.unit(HOUSE) as tx:
        every = await shops.every(tx)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    names = [shop.slug for shop in every]
    try:
        with (
            tempfile.TemporaryDirectory(dir=settings.data_dir) as folder,
            tarfile.open(draft, "w") as tar,
        ):
            dump, imports = Path(folder) / DUMP, Path(folder) / "imports"
            for slug in names:
                copy_standings(settings.data_dir, slug, imports / slug)
            _program("pg_dump", "--format=custom", f"--file={dump}", f"--dbname={url}")
            tar.add(dump, DUMP)
            secret = settings.data_dir / SECRET
            if secret.exists():
                tar.add(secret, SECRET)
            for shop in every:
                await _add_shop(settings, url, shop, tar)
                copy_moment(settings.data_dir, shop.slug, imports / shop.slug)
                tar.add(imports / shop.slug, f"shops/{shop.slug}/imports")
            manifest = Path(folder) / MANIFEST
            manifest.write_bytes(msgspec.json.encode(Manifest(VERSION, clock.now(), names)))
            tar.add(manifest, MANIFEST)
        draft.chmod(0o600)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return BackedUp(str(file), file.stat().st_size, names)


async def _add_shop(settings: Settings, url: str, shop: Shop, tar: tarfile.TarFile) -> None:
    """A shop's lake and tombstones; nobody writes the lake meanwhile."""
    async with await connect(url, "patron-backup") as connection:
        while not await lake_store.try_lock(connection, shop.schema):
            await asyncio.sleep(WAIT_SECONDS)
        lake = Path(lake_of(settings.data_dir, shop.slug).uri)
        tar.add(lake, f"shops/{shop.slug}/lake/events")
        stones = tombstones.stones_of(settings.data_dir, shop.slug)
        if stones.exists():
            tar.add(stones, f"shops/{shop.slug}/tombstones.jsonl")


async def restore(
    settings: Settings, url: str, signer: Signer, clock: Clock, file: Path, *, moved: bool = False
) -> Restored:
    """Put the database of `file` in place of what is there. Patron must not be running.

    A lake that is there already stays and is cut back to the database; without one, the backup's
    is taken. What was waiting to be said ends, for it may have left since; unless Patron has not
    run since (`moved`) – and that is not believed when the lake knows better. Raises Problem: 409
    while Patron runs, 400 when `file` is no backup.
    """
    await _nobody_else(url)
    with tempfile.TemporaryDirectory(dir=settings.data_dir) as name:
        folder = Path(name)
        manifest = _unpack(file, folder)
        await _drop_everything(url)
        await _put_back(url, folder / DUMP)
        for slug in manifest.shops:
            replace_standings(settings.data_dir, slug, folder / "shops" / slug / "imports")
            _take_files(settings, slug, folder / "shops" / slug)
    async with Database(url, max_size=2, name="patron-restore") as db:
        migrated = await prepare_house(db)
        async with db.unit(HOUSE) as tx:
            every = await shops.every(tx)
        cut, buried, calmed = [], 0, {}
        for shop in every:
            if not moved:
                calmed[shop.slug] = await calm(db, shop, clock.now())
            stones = tombstones.stones_of(settings.data_dir, shop.slug)
            async with db.unit(shop.schema) as tx:
                returned = await tombstones.bury_again(tx, stones, signer)
            for root in returned:
                await forget(db, shop, str(root), signer, clock, settings)
            buried += len(returned)
            done = await copy_lake(settings, url, shop, clock)
            cut += [done.cut_to] if done.cut_to else []
    return Restored(manifest.taken_at, manifest.shops, migrated, cut, buried, calmed)


def secret_in(file: Path) -> bytes | None:
    """The signing secret inside a backup, for a machine that has none yet."""
    with _no_backup_told(file), tarfile.open(file) as tar:
        tar.getmember(MANIFEST)
        secret = tar.extractfile(SECRET) if SECRET in tar.getnames() else None
        return None if secret is None else secret.read()


def _unpack(file: Path, folder: Path) -> Manifest:
    with _no_backup_told(file), tarfile.open(file) as tar:
        for member in tar:
            _take_out(tar, member, folder.resolve())
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)


def _take_out(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write one member below `folder`, with its time and its owner's rights. By hand, since Debian
    12's Python (3.11.2) knows no filter that keeps members inside. TarError for what is no file."""
    path = (folder / member.name).resolve()
    content = tar.extractfile(member) if member.isreg() else None
    if not path.is_relative_to(folder) or (content is None and not member.isdir()):
        raise tarfile.ReadError(f"{member.name!r} does not belong into one")
    (path.parent if content else path).mkdir(parents=True, exist_ok=True)
    if content:
        with path.open("wb") as written:
            shutil.copyfileobj(content, written, 1 << 20)
        path.chmod(member.mode & 0o700 | 0o600)
        os.utime(path, (member.mtime, member.mtime))


@contextmanager
def _no_backup_told(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, tarfile.TarError, KeyError, msgspec.DecodeError) as error:
        raise Problem(
            400,
            "Not a backup",
            f"{file} is not a backup of Patron: {error}",
            remedy="give a file that `patron backup` wrote",
        ) from error


def _take_files(settings: Settings, slug: str, kept: Path) -> None:
    lake = Path(lake_of(settings.data_dir, slug).uri)
    if not any(lake.iterdir()):
        lake.rmdir()
        shutil.move(kept / "lake" / "events", lake)
        for each in (sorted_of(settings.data_dir, slug).path, kept_of(str(lake)).path):
            shutil.rmtree(each, ignore_errors=True)  # of a lake that is no more
    stones = tombstones.stones_of(settings.data_dir, slug)
    if not stones.exists() and (kept / "tombstones.jsonl").exists():
        shutil.move(kept / "tombstones.jsonl", stones)


async def _nobody_else(url: str) -> None:
    async with await connect(url, "patron-restore") as connection:
        others = await tuples(
            connection,
            "SELECT DISTINCT application_name FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND application_name LIKE 'patron-%%'",
        )
    if others:
        raise Problem(
            409,
            "Patron is running",
            f"the database is in use by {', '.join(name for (name,) in others)}",
            remedy="stop `patron serve` first",
        )


async def _drop_everything(url: str) -> None:
    async with await connect(url, "patron-restore") as connection:
        schemas = await tuples(
            connection,
            "SELECT nspname FROM pg_namespace WHERE nspname = %s OR nspname LIKE 'shop\\_%%'",
            (HOUSE,),
        )
        for (schema,) in schemas:
            await connection.execute(
                psycopg.sql.SQL("DROP SCHEMA {} CASCADE").format(psycopg.sql.Identifier(schema))
            )


async def _put_back(url: str, dump: Path) -> None:
    """Restore the dump into the database at `url`."""
    async with await connect(url, "patron-restore") as connection:
        version = int(await value(connection, "SHOW server_version_num"))
    if version >= 170000:
        _program("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={url}", dump)
    else:
        _put_back_older(url, dump)


def _put_back_older(url: str, dump: Path) -> None:
    """The same for a server before 17, by way of a script: pg_restore itself sets what such a
    server does not know, and nothing of ours needs."""
    script: list[str | Path] = [binary("pg_restore"), "--no-owner", "--file=-", dump]
    reader: list[str | Path] = [binary("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    reader.append(f"--dbname={url}")
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(script, stdout=pipe, stderr=said) as written,
        subprocess.Popen(reader, stdin=pipe, stdout=subprocess.DEVNULL, stderr=said) as read,
    ):
        assert written.stdout is not None and read.stdin is not None
        with suppress(BrokenPipeError), read.stdin:
            for line in written.stdout:
                if line != UNKNOWN_TO_OLDER:
                    read.stdin.write(line)
        written.stdout.close()
        if read.wait() or written.wait():
            said.seek(0)
            raise _refused("pg_restore", said.read().decode("utf-8", "replace"))


def _program(name: str, *words: str | Path) -> None:
    done = subprocess.run([binary(name), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise _refused(name, done.stderr)


def _refused(name: str, said: str) -> Problem:
    return Problem(
        500,
        "PostgreSQL refused",
        f"{name}: {said.strip()[-500:]}",
        remedy="check the disk and the database's log, then try again",
    )
