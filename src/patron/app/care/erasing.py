"""Forgetting a person at once and everywhere, with the proof."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from patron.app.care.forgetting import Forgotten, forgotten
from patron.app.care.proof.needles import Sought
from patron.app.care.proof.proving import Proof
from patron.app.jobs import proved
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.settings import Settings
from patron.kit.signing import Signer
from patron.shops.types import Shop


async def erase_and_prove(
    db: Database,
    shop: Shop,
    who: str,
    signer: Signer,
    clock: Clock,
    settings: Settings,
    *,
    at_once: bool = False,
    also: Sequence[Path] = (),
) -> Forgotten:
    """Erase a person, from the lake too, and look for her everywhere. `at_once` does what else
    waits for the night: PostgreSQL's files are written anew, and nobody works meanwhile."""
    done, sought = await forgotten(db, shop, who, signer, clock, settings)
    proof = await proved(settings, db.url, shop, sought, clock, at_once=at_once, also=also)
    return msgspec.structs.replace(done, waiting_for_lake=False, proof=proof)


async def proved_by_a_job(shop: Shop, sought: Sought) -> Proof:
    """The same in a process of its own, whose libraries and gigabytes go with it. What is looked
    for goes through a pipe: a command line is everybody's to read."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "patron.app.jobs", "prove", shop.slug,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate(msgspec.json.encode(sought))
    if process.returncode:
        raise RuntimeError(f"the proof of an erasure ended with {process.returncode}")
    return msgspec.json.decode(out, type=Proof)
