"""The SQL of the shops. Runs in the schema of the house, never in a shop's."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.kit.db import Tx, execute, tuples, value
from patron.shops.types import Access, Answer, Key, KeyKind, Mode, Shop, ShopSettings

_SHOP = (
    "shop.id, slug, shop.name, schema, currency, time_zone, locale, public_url, hosts, mode,"
    " owner_email, identity_secret, settings"
)


def key_hash(key: str) -> bytes:
    """Keys are 192 random bits, so a plain SHA-256 cannot be reversed by guessing."""
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


async def insert(tx: Tx, shop: Shop, now: datetime) -> None:
    await execute(
        tx,
        "INSERT INTO shop (id, slug, name, schema, currency, time_zone, locale, public_url, hosts,"
        " mode, owner_email, identity_secret, settings, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s)",
        (
            shop.id,
            shop.slug,
            shop.name,
            shop.schema,
            shop.currency,
            shop.time_zone,
            shop.locale,
            shop.public_url,
            shop.hosts,
            shop.mode,
            shop.owner_email,
            shop.identity_secret,
            msgspec.json.encode(shop.settings).decode(),
            now,
        ),
    )


async def every(tx: Tx) -> list[Shop]:
    """All shops, oldest first."""
    return [
        _shop(found) for found in await tuples(tx, f"SELECT {_SHOP} FROM shop ORDER BY created_at")
    ]


async def by_slug(tx: Tx, slug: str) -> Shop | None:
    found = await tuples(tx, f"SELECT {_SHOP} FROM shop WHERE slug = %s", (slug,))
    return _shop(found[0]) if found else None


async def set_mode(tx: Tx, slug: str, mode: Mode) -> None:
    await execute(tx, "UPDATE shop SET mode = %s WHERE slug = %s", (mode, slug))


async def locked(tx: Tx, slug: str) -> Shop:
    """The shop as it is now; nobody else changes it until the unit ends."""
    found = await tuples(tx, f"SELECT {_SHOP} FROM shop WHERE slug = %s FOR UPDATE", (slug,))
    return _shop(found[0])


async def set_shop(tx: Tx, shop: Shop) -> None:
    """Keep the shop's name, time zone, address (its host is the first of `hosts`) and owner."""
    await execute(
        tx,
        "UPDATE shop SET name = %s, time_zone = %s, public_url = %s, hosts = %s, owner_email = %s"
        " WHERE id = %s",
        (shop.name, shop.time_zone, shop.public_url, shop.hosts[:1], shop.owner_email, shop.id),
    )


async def locked_settings(tx: Tx, slug: str) -> ShopSettings:
    """The shop's settings as they are now; nobody else changes them until the unit ends."""
    found = await value(tx, "SELECT settings FROM shop WHERE slug = %s FOR UPDATE", (slug,))
    return msgspec.convert(found, ShopSettings)


async def set_settings(tx: Tx, slug: str, settings: ShopSettings) -> None:
    await execute(
        tx,
        "UPDATE shop SET settings = %s::jsonb WHERE slug = %s",
        (msgspec.json.encode(settings).decode(), slug),
    )


async def insert_key(tx: Tx, shop_id: UUID, key: Key, secret: str, now: datetime) -> None:
    await execute(
        tx,
        "INSERT INTO api_key (id, shop_id, kind, name, hash, public_key, hint, scopes, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            key.id,
            shop_id,
            key.kind,
            key.name,
            key_hash(secret),
            secret if key.kind is KeyKind.PUBLIC else None,
            key.hint,
            key.scopes,
            now,
        ),
    )


async def keys(tx: Tx, shop_id: UUID) -> list[Key]:
    found = await tuples(
        tx,
        "SELECT id, kind, name, coalesce(public_key, hint), scopes, created_at, revoked_at"
        " FROM api_key WHERE shop_id = %s ORDER BY created_at",
        (shop_id,),
    )
    return [
        Key(i, KeyKind(kind), name, hint, scopes, made.isoformat(), gone and gone.isoformat())
        for i, kind, name, hint, scopes, made, gone in found
    ]


async def revoke_key(tx: Tx, shop_id: UUID, key_id: UUID, now: datetime) -> bool:
    """Whether there was such a key, not yet revoked."""
    return bool(
        await execute(
            tx,
            "UPDATE api_key SET revoked_at = %s"
            " WHERE shop_id = %s AND id = %s AND revoked_at IS NULL",
            (now, shop_id, key_id),
        )
    )


async def access(tx: Tx, secret: str) -> Access | None:
    """What `secret` opens, or None when it is unknown or revoked."""
    found = await tuples(
        tx,
        f"SELECT api_key.id, kind, scopes, api_key.name, {_SHOP}"
        " FROM api_key JOIN shop ON shop.id = shop_id WHERE hash = %s AND revoked_at IS NULL",
        (key_hash(secret),),
    )
    if not found:
        return None
    key_id, kind, scopes, name, *rest = found[0]
    return Access(_shop(tuple(rest)), key_id, KeyKind(kind), frozenset(scopes), name)


async def drop(tx: Tx, shop: Shop) -> None:
    """Forget the shop and everything in it."""
    await execute(tx, "DELETE FROM shop WHERE id = %s", (shop.id,))
    await execute(tx, f'DROP SCHEMA IF EXISTS "{shop.schema}" CASCADE')


def _shop(found: tuple[Any, ...]) -> Shop:
    names = Shop.__struct_fields__
    columns = dict(zip(names, found, strict=True))
    columns["mode"] = Mode(columns["mode"])
    columns["identity_secret"] = bytes(columns["identity_secret"])
    columns["settings"] = settings = msgspec.convert(columns["settings"], ShopSettings)
    columns["locale"] = settings.locale
    columns["hosts"] = [*columns["hosts"], *settings.more_hosts]
    return Shop(**columns)


async def begin_answer(
    tx: Tx, key: bytes, digest: bytes, now: datetime, forget_before: datetime, dead_before: datetime
) -> Answer | None:
    """None when this call is the first with `key`; otherwise what the first one came to.

    A first one that began before `dead_before` and never ended died with its process.
    """
    await execute(tx, "DELETE FROM answer WHERE began_at < %s", (forget_before,))
    if await execute(
        tx,
        "INSERT INTO answer AS a (key, digest, began_at) VALUES (%s, %s, %s) ON CONFLICT (key)"
        " DO UPDATE SET digest = excluded.digest, began_at = excluded.began_at"
        " WHERE a.status IS NULL AND a.began_at < %s",
        (key, digest, now, dead_before),
    ):
        return None
    found = await tuples(
        tx,
        "SELECT digest, began_at, status, content_type, body FROM answer WHERE key = %s",
        (key,),
    )
    return Answer(*found[0]) if found else None


async def keep_answer(
    tx: Tx, key: bytes, status: int, content_type: str, body: bytes | None
) -> None:
    """Keep what a write was answered; without its `body` where that held a secret."""
    await execute(
        tx,
        "UPDATE answer SET status = %s, content_type = %s, body = %s WHERE key = %s",
        (status, content_type, body, key),
    )


async def forget_answer(tx: Tx, key: bytes) -> None:
    await execute(tx, "DELETE FROM answer WHERE key = %s", (key,))


async def expire_answers(tx: Tx, before: datetime) -> int:
    """Forget answers to writes that began before that; how many."""
    return await execute(tx, "DELETE FROM answer WHERE began_at < %s", (before,))


async def oldest_answer(tx: Tx) -> datetime | None:
    found: datetime | None = await value(tx, "SELECT min(began_at) FROM answer")
    return found


async def forget_answers_naming(tx: Tx, pattern: str, named: Callable[[bytes], bool]) -> int:
    """Delete kept answers that name somebody. Read are only those that `pattern` finds, in small
    letters and escaped."""
    found = await tuples(
        tx, "SELECT key, body FROM answer WHERE lower(encode(body, 'escape')) ~ %s", (pattern,)
    )
    hers = [key for key, body in found if named(bytes(body))]
    return await execute(tx, "DELETE FROM answer WHERE key = ANY(%s::bytea[])", (hers,))
