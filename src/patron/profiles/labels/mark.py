"""Writes tags and notes on a person, and takes them off again; her segments hear of it."""

from datetime import datetime
from uuid import UUID

from patron.kit.db import Tx
from patron.kit.problems import bad_request, conflict, not_found
from patron.profiles import store as profiles
from patron.profiles.changes import store as changes
from patron.profiles.labels import store
from patron.profiles.labels.spelling import key_of
from patron.profiles.labels.types import Note, Tag
from patron.profiles.search.whom import root_of
from patron.profiles.untold import store as untold
from patron.shops.types import Access, Shop

MOST_TAGS = 100
MOST_NOTES = 1_000
LONGEST_TAG = 60
LONGEST_NOTE = 5_000


def author(access: Access) -> str:
    """Who writes, as it is kept: the key by the name that the owner gave it, else by its id."""
    return access.name or f"key {access.key_id}"


async def tag(tx: Tx, shop: Shop, who: str, text: str, by: str, now: datetime) -> list[Tag]:
    """Write a tag on a person unless she has it; all her tags. Problem 404 for nobody, 409 when
    she has a hundred."""
    text = _tag_text(text)
    hers = await _held(tx, shop, who)
    have = await store.tags_of(tx, hers)
    if key_of(text) in {key_of(one.tag) for one in have}:
        return have
    if len(have) >= MOST_TAGS:
        raise conflict(
            f"{who} has {len(have)} tags, and no more are kept of one person",
            remedy="take one off first",
        )
    await store.put_tag(tx, hers[0], key_of(text), text, by, now)
    await changes.note(tx, hers, now)
    await untold.put(tx, hers[0], untold.TAGGED, {"tag": text}, now)
    return await store.tags_of(tx, hers)


async def untag(tx: Tx, shop: Shop, who: str, text: str, now: datetime) -> list[Tag]:
    """Take a tag off a person; those that are left. Problem 404 when she has no such tag."""
    hers = await _held(tx, shop, who)
    if not text.isprintable() or not await store.drop_tag(tx, hers, key_of(text)):
        raise not_found("tag", f"{text!r} of {who}")
    await changes.note(tx, hers, now)
    await untold.put(tx, hers[0], untold.UNTAGGED, {"tag": " ".join(text.split())}, now)
    return await store.tags_of(tx, hers)


async def note(tx: Tx, shop: Shop, who: str, text: str, by: str, now: datetime) -> Note:
    """Write a note on a person. Problem 404 for nobody, 409 when she has a thousand."""
    text = _note_text(text)
    hers = await _held(tx, shop, who)
    if await store.count_notes(tx, hers) >= MOST_NOTES:
        raise conflict(
            f"{who} has {MOST_NOTES:,} notes, and no more are kept of one person",
            remedy="take one off first",
        )
    written = await store.add_note(tx, hers[0], text, by, now)
    await changes.note(tx, hers, now)
    # Not what it says: a note that is taken off is gone, and an event stays.
    await untold.put(tx, hers[0], untold.NOTED, {"note_id": str(written.id)}, now)
    return written


async def unnote(tx: Tx, shop: Shop, who: str, note_id: UUID, now: datetime) -> None:
    """Take a note off a person. Problem 404 when it is none of hers."""
    hers = await _held(tx, shop, who)
    if not await store.drop_note(tx, hers, note_id):
        raise not_found("note", f"{note_id} of {who}")
    await changes.note(tx, hers, now)
    await untold.put(tx, hers[0], untold.UNNOTED, {"note_id": str(note_id)}, now)


async def origins_of(tx: Tx, shop: Shop, who: str) -> list[UUID]:
    """All origins of a person, the oldest first. Problem 404 for nobody."""
    origins = await profiles.origins(tx, await root_of(tx, shop, who))
    if not origins:
        raise not_found("profile", who)
    return origins


async def _held(tx: Tx, shop: Shop, who: str) -> list[UUID]:
    """`origins_of`, locked: whoever is erased meanwhile is not written on."""
    await profiles.lock(tx, await origins_of(tx, shop, who))
    return await origins_of(tx, shop, who)


def _tag_text(given: str) -> str:
    text = " ".join(given.split())
    if not 1 <= len(text) <= LONGEST_TAG or "/" in text or not text.isprintable():
        raise bad_request(
            f"tag {given[:80]!r} cannot be written",
            remedy=f"give 1 to {LONGEST_TAG} printable characters, no slash among them",
            path="tag",
        )
    return text


def _note_text(given: str) -> str:
    text = given.strip()
    if not 1 <= len(text) <= LONGEST_NOTE or "\0" in text or _unpaired(text):
        raise bad_request(
            f"a note of {len(text):,} characters cannot be written, or not all of them",
            remedy=f"give 1 to {LONGEST_NOTE:,} characters of text",
            path="text",
        )
    return text


def _unpaired(text: str) -> bool:
    """Halves of a surrogate pair, which PostgreSQL cannot hold."""
    return any("\ud800" <= c <= "\udfff" for c in text)
