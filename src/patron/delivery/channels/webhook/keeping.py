"""Endpoints registered, changed, tried, switched on and off, told again."""

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from patron.delivery.channels.webhook import store
from patron.delivery.channels.webhook.feed import place_at, present
from patron.delivery.channels.webhook.guard import Guard
from patron.delivery.channels.webhook.post import Poster
from patron.delivery.channels.webhook.signature import headers, secret_of
from patron.delivery.channels.webhook.topics import of_test
from patron.delivery.channels.webhook.types import Endpoint, Heard, Status, Topic
from patron.kit.db import Tx
from patron.kit.ids import id_at
from patron.kit.problems import Problem, bad_request, conflict, not_found
from patron.kit.signing import Signer
from patron.shops.types import Shop

KEY = r"^[a-z0-9][a-z0-9_-]{0,59}$"
MOST = 20
BY_HAND = "switched off by hand"


class EndpointView(msgspec.Struct, frozen=True):
    """`reason` says why it is off. `waiting` messages are not told yet; `failures` is how many
    attempts in a row came to nothing, `failing_since` when the first of them was."""

    key: str
    url: str
    topics: list[str]
    description: str
    status: Status
    reason: str | None
    created_at: datetime
    succeeded_at: datetime | None
    failures: int
    failing_since: datetime | None
    waiting: int


class Registered(msgspec.Struct, frozen=True):
    """`secret` is shown this once; the receiver verifies signatures with it."""

    webhook: EndpointView
    secret: str


def view(one: Endpoint) -> EndpointView:
    return EndpointView(*(getattr(one, name) for name in EndpointView.__struct_fields__))


async def found(tx: Tx, key: str) -> Endpoint:
    """The endpoint called `key`. Problem 404 names those there are."""
    one = await store.by_key(tx, key)
    if one is None:
        there = ", ".join(each.key for each in await store.every(tx))
        raise Problem(
            404,
            "Not found",
            f"webhook {key!r} does not exist in this shop",
            remedy=f"there are: {there}" if there else "there is none yet",
        )
    return one


def known(topics: Sequence[str]) -> list[str]:
    """`topics` in the order of the list, each once. "order.*" stands for all that begin so, "*"
    for all. Problem 400 names those there are."""
    chosen: set[Topic] = set()
    for asked in topics:
        family = asked[:-1] if asked.endswith(".*") else None
        fitting = {
            topic
            for topic in Topic
            if asked in (topic, "*") or (family is not None and topic.startswith(family))
        }
        if not fitting:
            raise bad_request(
                f"topic {asked!r} is unknown",
                remedy=f"topics are: {', '.join(Topic)}; order.* means all about orders",
                path="topics",
            )
        chosen |= fitting
    if not chosen:
        raise bad_request("no topic is named", remedy="name at least one", path="topics")
    return [topic.value for topic in Topic if topic in chosen]


async def register(
    tx: Tx, key: str, url: str, topics: Sequence[str], description: str, guard: Guard, now: datetime
) -> Endpoint:
    """A new endpoint, told of what happens from now on. Problem 400 or 409."""
    if not re.fullmatch(KEY, key):
        raise bad_request(
            f"key {key!r} is no key",
            remedy="give small letters, digits and hyphens, such as crm",
            path="key",
        )
    if len(await store.every(tx)) >= MOST:
        raise conflict(f"there are {MOST} webhooks already", remedy="remove one first")
    position, merged_after = await present(tx)
    made = Endpoint(
        id_at(now), key, guard.checked(url), known(topics), description, Status.ON, None, now,
        position, merged_after, 1, None, 0, None, None, None,
    )  # fmt: skip
    if not await store.insert(tx, made):
        raise conflict(f"a webhook {key!r} exists already", remedy="choose another key")
    return made


async def change(
    tx: Tx,
    key: str,
    url: str | None,
    topics: Sequence[str] | None,
    description: str | None,
    guard: Guard,
) -> Endpoint:
    """What is None stays. What waits is told to the new address."""
    one = await found(tx, key)
    await store.change(
        tx,
        key,
        one.url if url is None else guard.checked(url),
        one.topics if topics is None else known(topics),
        one.description if description is None else description,
    )
    return await found(tx, key)


async def enable(tx: Tx, key: str, now: datetime, *, catch_up: bool) -> Endpoint:
    """Tell it again: of what happens from now on, or with `catch_up` of all that was missed."""
    one = await found(tx, key)
    if one.status != Status.ON:
        place = (one.position, one.merged_after) if catch_up else await present(tx)
        await store.switch_on(tx, key, *place, now)
    return await found(tx, key)


async def disable(tx: Tx, key: str) -> Endpoint:
    """Tell it nothing more; what waits, waits."""
    one = await found(tx, key)
    await store.switch_off(tx, one.id, BY_HAND)
    return await found(tx, key)


async def rotate(tx: Tx, key: str, now: datetime) -> Endpoint:
    """Give it another secret; both sign for 24 hours."""
    await found(tx, key)
    await store.rotate(tx, key, now)
    return await found(tx, key)


async def remove(tx: Tx, key: str) -> Endpoint:
    """Forget it, and what waits for it."""
    one = await found(tx, key)
    await store.delete(tx, key)
    return one


async def replay(
    tx: Tx, key: str, since: datetime | None, delivery: UUID | None, now: datetime
) -> tuple[Endpoint, int]:
    """Tell again: everything received `since` a moment (as far as the log has it), or one delivery,
    or without either all that failed. How many deliveries wait for it; of a moment, none yet.

    Ids stay the same, so a receiver knows what it has heard. Problem 404 for an unknown delivery.
    """
    one = await found(tx, key)
    if since is not None:
        if since > now:
            raise bad_request(
                "since lies ahead", remedy="give a moment that has been", path="since"
            )
        position, merged_after = await place_at(tx, since)
        await store.told_up_to(
            tx, one.id, min(position, one.position), min(merged_after, one.merged_after)
        )
        return await found(tx, key), 0
    count = await store.again(tx, one.id, delivery, now)
    if delivery is not None and not count:
        raise not_found("ended delivery", delivery)
    return await found(tx, key), count


async def tried(
    endpoint: Endpoint, shop: Shop, poster: Poster, signer: Signer, now: datetime
) -> Heard:
    """What an endpoint says to a message of the topic webhook.test; nothing is written down."""
    draft = of_test(shop.slug, endpoint.key, id_at(now), now)
    signed = headers(signer, endpoint, draft.message_id, draft.body, now)
    return await poster.post(endpoint.url, signed, draft.body, now)


def secret(endpoint: Endpoint, signer: Signer) -> str:
    return secret_of(signer, endpoint.id, endpoint.generation)
