"""What is written down of a request: which route, whom it was about, what was asked.

A route nobody thought of is written down too: what is left out stands in `IMPERSONAL`. Of values
only those are kept that cannot say anything about a person: numbers, times, names of closed lists.
"""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.types import Scope
from litestar.typing import FieldDefinition

from patron.app.audit.notes import PERSON, PLAIN, TEXT, THINGS
from patron.shops.access import Requires
from patron.shops.audit.types import Actor, ActorKind
from patron.shops.types import Access

IMPERSONAL = frozenset(
    {
        "GET /api/shop",
        "GET /api/keys",
        "GET /api/products",
        "GET /api/products/unresolved",
        "GET /api/products/{product_id}",
        "GET /api/feeds",
        "GET /api/feeds/{key}",
        "GET /api/carts/order-feed",
        "GET /api/conditions/schema",
        "GET /api/journeys",
        "GET /api/journeys/{key}",
        "GET /api/journeys/{key}/results",
        "GET /api/retention",
        "GET /api/tags",
        "GET /api/computed-traits",
        "GET /api/computed-traits/{key}",
        "GET /api/placements",
        "GET /api/placements/{key}",
        "GET /api/placements/{key}/results",
        "GET /api/recommend/report",
        "GET /api/recommend/schema",
        "GET /api/predictions",
        "GET /api/predictions/{key}",
        "GET /api/openapi.json",
        "GET /api/docs",
    }
)
"""Reads that tell nothing of any one person, and are not written down."""

UNKEPT = frozenset({"tag"})
"""Texts in a path that say something of a person. These are left out, and so is every other text
until it is listed in one of the two."""

_PLAIN_VALUE = re.compile(r"[\w.:+-]{1,60}")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_FIELDS_SHOWN = 30


def recorded(method: str, template: str) -> bool:
    """Whether this route is written down."""
    return template.startswith("/api/") and f"{method} {template}" not in IMPERSONAL


def is_change(handler: HTTPRouteHandler, method: str) -> bool:
    """A route changes something unless it only reads: a GET, or one that asks for no more than a
    scope to read."""
    if method == "GET":
        return False
    scopes = [guard.scope for guard in handler.guards or () if isinstance(guard, Requires)]
    return not (scopes and all(scope.endswith(":read") for scope in scopes))


def actor_of(access: Access, place: str | None) -> Actor:
    return Actor(ActorKind.KEY, str(access.key_id), access.name, place or "")


def template_of(handler: HTTPRouteHandler, scope: Scope) -> str:
    """The route's path with its parameters' names, as the API's document writes it."""
    found = str(scope.get("path_template") or "")
    return re.sub(r"\{(\w+)(:\w+)?\}", r"{\1}", found) or min(handler.paths)


def parameters(handler: HTTPRouteHandler) -> dict[str, FieldDefinition]:
    """What a route takes by name, what its own dependencies ask for included."""
    found = dict(handler.parsed_fn_signature.parameters)
    for name, provided in handler.resolve_dependencies().items():
        if found.pop(name, None) is not None:
            found.update(provided.parsed_fn_signature.parameters)
    return found


def texts_in(known: Mapping[str, FieldDefinition]) -> frozenset[str]:
    """Names of parameters that take any text."""
    return frozenset(
        name
        for name, field in known.items()
        if str in (field.annotation, *(inner.annotation for inner in field.inner_types))
    )


def asked(
    handler: HTTPRouteHandler, query: Mapping[str, Any], path: Mapping[str, Any], body: bytes
) -> tuple[dict[str, Any], str | None, tuple[str, str] | None, str | None]:
    """(detail, term that names a person, her thing, another subject) of a request."""
    known = parameters(handler)
    texts = texts_in(known)
    detail: dict[str, Any] = {}
    subject: str | None = None
    given = {name: query[name] for name in known if name in query}
    named = {**given, **path}
    for name, value in named.items():
        if name in PERSON or name == "cursor":
            continue
        shown = _shown(name, value, texts)
        detail[name] = shown
        if name in path and name not in THINGS and shown != TEXT:
            subject = f"{name.removesuffix('_id')}:{shown}"
    fields = _fields(body)
    if fields:
        detail["fields"] = sorted(name for name in fields if _FIELD.fullmatch(name))[:_FIELDS_SHOWN]
    if "cursor" in given:
        detail["further"] = True
    # What is in the path goes before what is in a body, which says how more often than whom.
    words = (*(named.get(name) for name in PERSON), *(fields.get(name) for name in PERSON))
    term = next((str(word) for word in words if isinstance(word, str | UUID) and word), None)
    thing = next(((name, str(path[name])) for name in THINGS if name in path), None)
    return detail, term, thing, subject


def _shown(name: str, value: Any, texts: frozenset[str]) -> Any:
    """A value as it may be kept: as it is, or only that there was one."""
    values = value if isinstance(value, list) else [value]
    free = name in texts and name not in PLAIN
    if free or not all(_PLAIN_VALUE.fullmatch(str(one)) for one in values):
        return TEXT
    return [str(one) for one in values] if isinstance(value, list) else str(value)


def _fields(body: bytes) -> dict[str, Any]:
    """The top of a JSON object; nothing of anything else."""
    try:
        found = msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
