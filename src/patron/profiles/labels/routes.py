"""Tags and notes over HTTP."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, FromQuery

from patron.kit.clock import Clock
from patron.kit.cursors import word
from patron.kit.db import Database
from patron.kit.paging import Page, bounded, decode, encode, paged
from patron.profiles.labels import mark, store
from patron.profiles.labels.types import Note, Tag, TagCount
from patron.shops.access import requires
from patron.shops.types import Access, Shop


class TagIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One to sixty characters, no slash among them; `VIP` and `vip` are one tag."""

    tag: str


class NoteIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to five thousand characters."""

    text: str


@get(
    "/api/tags",
    guards=[requires("profiles:read")],
    tags=["profiles"],
    summary="The tags there are",
)
async def list_tags(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[TagCount]:
    """By name, with the number of people who have each."""
    bounded(limit)
    key = decode(cursor, 1)
    async with db.unit(shop.schema) as tx:
        found = await store.every_tag(tx, None if key is None else word(key[0]), limit)
    last = found[-1][0] if len(found) == limit else None
    return Page([tag for _, tag in found], None if last is None else encode([last]))


@get(
    "/api/profiles/{who:str}/tags",
    guards=[requires("profiles:read")],
    tags=["profiles"],
    summary="Her tags",
)
async def show_tags(
    db: NamedDependency[Database], shop: NamedDependency[Shop], who: FromPath[str]
) -> list[Tag]:
    """By name, each with who wrote it and when."""
    async with db.unit(shop.schema) as tx:
        return await store.tags_of(tx, await mark.origins_of(tx, shop, who))


@post(
    "/api/profiles/{who:str}/tags",
    guards=[requires("profiles:write")],
    tags=["profiles"],
    summary="Tag a person",
    status_code=200,
)
async def add_tag(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    access: NamedDependency[Access],
    who: FromPath[str],
    data: Annotated[TagIn, Body(examples=[Example(value={"tag": "bargain shopper"})])],
) -> list[Tag]:
    """All her tags then. One that she has already keeps its author and time."""
    async with db.unit(shop.schema) as tx:
        return await mark.tag(tx, shop, who, data.tag, mark.author(access), clock.now())


@delete(
    "/api/profiles/{who:str}/tags/{tag:str}",
    guards=[requires("profiles:write")],
    tags=["profiles"],
    summary="Take a tag off a person",
    status_code=200,
)
async def remove_tag(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    who: FromPath[str],
    tag: FromPath[str],
) -> list[Tag]:
    """Those that are left."""
    async with db.unit(shop.schema) as tx:
        return await mark.untag(tx, shop, who, tag, clock.now())


@get(
    "/api/profiles/{who:str}/notes",
    guards=[requires("profiles:read")],
    tags=["profiles"],
    summary="The notes on a person",
)
async def show_notes(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    who: FromPath[str],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
) -> Page[Note]:
    """The newest first, each with who wrote it and when."""
    async with db.unit(shop.schema) as tx:
        found = await store.notes_of(tx, await mark.origins_of(tx, shop, who), mark.MOST_NOTES)
    return paged(found, lambda one: f"{one.at.isoformat()} {one.id}", cursor, limit, falling=True)


@post(
    "/api/profiles/{who:str}/notes",
    guards=[requires("profiles:write")],
    tags=["profiles"],
    summary="Write a note on a person",
)
async def add_note(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    access: NamedDependency[Access],
    who: FromPath[str],
    data: Annotated[
        NoteIn, Body(examples=[Example(value={"text": "Asked for the oak lamp in black."})])
    ],
) -> Note:
    """It is shown on her page, and goes when she is forgotten."""
    async with db.unit(shop.schema) as tx:
        return await mark.note(tx, shop, who, data.text, mark.author(access), clock.now())


@delete(
    "/api/profiles/{who:str}/notes/{note_id:uuid}",
    guards=[requires("profiles:write")],
    tags=["profiles"],
    summary="Take a note off a person",
)
async def remove_note(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    who: FromPath[str],
    note_id: FromPath[UUID],
) -> None:
    """For good; there is no bin."""
    async with db.unit(shop.schema) as tx:
        await mark.unnote(tx, shop, who, note_id, clock.now())


routes: list[HTTPRouteHandler] = [
    list_tags,
    show_tags,
    add_tag,
    remove_tag,
    show_notes,
    add_note,
    remove_note,
]
