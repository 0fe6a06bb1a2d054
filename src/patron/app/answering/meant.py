"""What fields and parameters a handler takes, for requests that give others."""

import re
from typing import Any

from litestar import Request
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition
from msgspec import inspect

from patron.kit import taking
from patron.kit.problems import bad_request

_NAMED = re.compile(r"(?:unknown|missing required) field `([^`]+)`")
_STEP = re.compile(r"[^.\[\]]+|\.\.\.")


async def only_known(request: Request[Any, Any, Any]) -> None:
    """Problem 400 for a parameter in the address of an API route that does not know it: a filter
    that is misspelt would show everything as if it were the answer."""
    if not request.scope["path"].startswith("/api/") or not request.query_params:
        return
    known = sorted(
        parameter.field_alias
        for route in request.app.routes
        if isinstance(route, HTTPRoute)
        for handler, model in route.route_handler_map.values()
        if handler is request.route_handler
        for parameter in model.expected_query_params
    )
    for name in request.query_params:
        if name not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise bad_request(
                f"{name!r} is no parameter of {request.method} {request.scope['path']}",
                remedy=takes,
                path=name,
            )


def name_of(request: Request[Any, Any, Any], key: str) -> str:
    """A parameter as callers know it; Python may call it otherwise."""
    field = _parameters(request).get(key)
    given = getattr(field.kwarg_definition, "name", None) if field is not None else None
    return given or key


def remedy(request: Request[Any, Any, Any], wrong: dict[str, Any]) -> str | None:
    """What to give instead; None where its type does not tell."""
    key, in_body = str(wrong.get("key")), wrong.get("source") == "body"
    there = _parameters(request)
    field = there.get("data" if in_body else key)
    if field is None:
        field = next((one for name, one in there.items() if name_of(request, name) == key), None)
    if field is None:
        return None
    inside = _STEP.findall(key) if in_body and key != "data" else []
    try:
        found = taking.at(inspect.type_info(field.annotation), inside)
    except TypeError:  # a type of the framework's
        return None
    if found is None:
        return None
    named = _NAMED.search(str(wrong.get("message")))
    holder = taking.bare(found)
    if named and isinstance(holder, inspect.StructType):
        lacking = next((one for one in holder.fields if one.encode_name == named[1]), None)
        if lacking is not None:
            return f"give {named[1]}: {taking.words(lacking.type)}"
        return "the fields are " + ", ".join(one.encode_name for one in holder.fields)
    about = getattr(field.kwarg_definition, "description", None) if not in_body else None
    return f"give {taking.words(found)}" + (f" ({about})" if about else "")


def _parameters(request: Request[Any, Any, Any]) -> dict[str, FieldDefinition]:
    scope: Any = request.scope
    handler = scope.get("route_handler")
    return {} if handler is None else handler.parsed_fn_signature.parameters
