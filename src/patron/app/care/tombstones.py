"""Keyed hashes of erased people, kept outside the database too, so that no backup returns them."""

import os
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from patron.kit.db import Tx
from patron.kit.signing import Signer
from patron.profiles.erasure import store as erasure
from patron.profiles.types import Tombstone

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Tombstone).decode


def stones_of(data_dir: Path, slug: str) -> Path:
    """The file of a shop's tombstones, one JSON object a line, in the order of the erasures."""
    return data_dir / "shops" / slug / "tombstones.jsonl"


async def keep(tx: Tx, path: Path, since: datetime) -> None:
    """Append the tombstones set up at or after `since`; on disk when it returns."""
    stones = [s for s in await erasure.tombstones(tx) if s.erased_at >= since]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.writelines(_encode(stone) + b"\n" for stone in stones)
        file.flush()
        os.fsync(file.fileno())


def digests(path: Path) -> frozenset[bytes]:
    """The keyed hashes in the file."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return frozenset(_decode(line).digest for line in lines if line)


async def bury_again(tx: Tx, path: Path, signer: Signer) -> list[UUID]:
    """Set the tombstones of `path` up again after a restore; the people a backup brought back."""
    if path.exists():
        lines = path.read_bytes().splitlines()
        await erasure.restore_tombstones(tx, [_decode(line) for line in lines if line])
    return await erasure.returned(tx, signer)
