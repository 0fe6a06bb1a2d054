"""A person in every room at once: telling her all that is kept, and forgetting her."""

from typing import Annotated, Any

import msgspec
from litestar import delete, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, Parameter

from patron.app.care.erasing import proved_by_a_job
from patron.app.care.forgetting import Forgotten, forgotten
from patron.app.care.readable import readable
from patron.carts import store as carts
from patron.delivery.channels.webhook import store as webhooks
from patron.events import store as events
from patron.experiments import store as experiments
from patron.journeys import store as journeys
from patron.kit.clock import Clock
from patron.kit.db import Database, Tx
from patron.kit.problems import not_found
from patron.kit.settings import Settings
from patron.kit.signing import Signer
from patron.messages import store as messages
from patron.profiles import store as profiles
from patron.profiles.erasure import store as erasure
from patron.profiles.search.whom import root_of
from patron.segments.alike import store as alike
from patron.segments.last import store as last_words
from patron.segments.lists import store as lists
from patron.segments.members import store as members
from patron.segments.predictions import store as predictions
from patron.shops.access import requires
from patron.shops.types import Shop

TIMELINE = 100_000


async def export(tx: Tx, shop: Shop, who: str) -> dict[str, Any]:
    """All that is kept about a person, as JSON-ready values. Problem 404 for nobody.

    `who` is a profile id or an identifier such as `email:ada@shop.example`.
    """
    root = await root_of(tx, shop, who)
    found = await erasure.export(tx, root)
    if found is None:
        raise not_found("profile", who)
    origins = await profiles.origins(tx, root)
    timeline = await events.timeline(tx, origins, before=None, limit=TIMELINE)
    everything: dict[str, Any] = msgspec.to_builtins(
        {
            **found,
            "events": timeline,
            "carts": await carts.export(tx, origins),
            "runs": await journeys.export(tx, origins),
            "last_words": await last_words.export(tx, origins),
            "lists": await lists.export(tx, origins),
            "segments": await members.stays(tx, origins),
            "predictions": await predictions.export(tx, origins),
            "alike": await alike.export(tx, origins),
            "experiments": await experiments.export(tx, origins),
            "messages": await messages.export(tx, origins),
            "webhooks": await webhooks.export(tx, origins),
        }
    )
    return everything


@get(
    "/api/profiles/{who:str}/export",
    guards=[requires("profiles:export")],
    tags=["profiles"],
    summary="Everything kept about a person",
)
async def export_profile(
    db: NamedDependency[Database], shop: NamedDependency[Shop], who: FromPath[str]
) -> dict[str, Any]:
    """Profile, consents, events, carts, journeys, lists, segments and messages, as JSON."""
    async with db.unit(shop.schema) as tx:
        return await export(tx, shop, who)


@get(
    "/api/profiles/{who:str}/export.html",
    guards=[requires("profiles:export")],
    tags=["profiles"],
    summary="Everything kept about a person, for her to read",
    media_type="text/html",
)
async def export_readable(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    clock: NamedDependency[Clock],
    who: FromPath[str],
) -> str:
    """The same as a page that can be sent to her: no script, nothing loaded from anywhere."""
    async with db.unit(shop.schema) as tx:
        return readable(await export(tx, shop, who), shop, clock.now())


@delete(
    "/api/profiles/{who:str}",
    guards=[requires("profiles:write")],
    tags=["profiles"],
    summary="Forget a person for good",
    status_code=200,
)
async def erase_profile(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    signer: NamedDependency[Signer],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
    who: FromPath[str],
    prove: Annotated[
        bool,
        Parameter(description="Look for her everywhere afterwards, some 20 s a gigabyte"),
    ] = False,
) -> Forgotten:
    """Removes her everywhere. Orders stay as sums that belong to nobody. With `prove` the lake
    forgets her first, then every table and file is searched for her names, and the answer says what
    was searched, what was found and what will only be gone later."""
    done, sought = await forgotten(db, shop, who, signer, clock, settings)
    if not prove:
        return done
    proof = await proved_by_a_job(shop, sought)
    return msgspec.structs.replace(done, waiting_for_lake=False, proof=proof)


routes: list[HTTPRouteHandler] = [export_profile, export_readable, erase_profile]
