"""The API's document and its readable page, both without anything from elsewhere."""

import html
import json
import re
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import BaseRoute, HTTPRoute

from patron import VERSION
from patron.delivery.routes import openapi_paths as delivery_paths
from patron.events.routes import openapi_paths as events_paths
from patron.kit.bodies import read_raw
from patron.kit.problems import ProblemDocument
from patron.recommend.openapi import openapi_paths as recommend_paths
from patron.shops.access import Requires

DESCRIPTION = """Patron's HTTP API. The tracking calls under `/v1` speak the Segment HTTP Tracking
API and take a write key; everything under `/api` takes a server key as
`Authorization: Bearer sk_…`. Errors are RFC 9457 problem documents, lists page by
`cursor`, writes accept `Idempotency-Key`."""


PROBLEMS = {
    "400": "Something in the request is wrong; `detail` names it, `remedy` says what to do",
    "401": "No server key came along",
    "403": "The key may not do this",
    "404": "There is no such thing in this shop",
    "409": "It does not fit what is there, or the first request of this Idempotency-Key runs still",
    "422": "This Idempotency-Key was used with another body",
    "503": "The database does not answer or is busy, or more is waiting than fits; try again",
}


SERVER_KEY, WRITE_KEY = "serverKey", "writeKey"
KEYS = {
    SERVER_KEY: SecurityScheme(type="http", scheme="bearer", description="A server key, `sk_…`"),
    WRITE_KEY: SecurityScheme(
        type="http",
        scheme="basic",
        description="The write key `wk_…` as user name, with an empty password",
    ),
}


def scopes(app: Litestar) -> dict[tuple[str, str], str]:
    """The scope that each guarded (path, method in small letters) asks for."""
    return {
        (route.path_format, method.lower()): guard.scope
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for guard in handler.guards or ()
        if isinstance(guard, Requires)
        for method in handler.http_methods
    }


def merged(app: Litestar) -> dict[str, Any]:
    """The generated document with the hot doors, which are no Litestar handlers, put in.

    Errors are described as they are answered: as problem documents. Each operation says which key
    it takes, and with which scope; one that takes none says so too.
    """
    document = app.openapi_schema.to_schema()
    guarded = scopes(app)
    paths = {
        path: {
            method: {
                **_with_problems(path, method, operation),
                "security": [{SERVER_KEY: [scope]}]
                if (scope := guarded.get((path, method)))
                else [],
            }
            for method, operation in operations.items()
        }
        for path, operations in document.get("paths", {}).items()
    }
    (_, problem), *_ = msgspec.json.schema_components([ProblemDocument])[1].items()
    components = document.get("components", {})
    schemas = {**components.get("schemas", {}), "ProblemDocument": problem}
    return {
        **document,
        "paths": {
            **events_paths(),
            **recommend_paths(),
            **paths,
            **delivery_paths(),
            **_own_paths(),
        },
        "components": {**components, "schemas": schemas},
    }


def _with_problems(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    """`operation` with the errors it may answer."""
    possible = {"400", "503"} if operation.get("parameters") or method != "get" else {"503"}
    if path.startswith("/api/"):
        possible |= {"401", "403"} | ({"409", "422"} if method != "get" else set())
    if "{" in path or operation.get("parameters"):
        possible.add("404")
    content = {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
    }
    errors = {
        code: {"description": PROBLEMS[code], "content": content} for code in sorted(possible)
    }
    kept = {c: r for c, r in operation["responses"].items() if not c.startswith(("4", "5"))}
    return {**operation, "responses": {**kept, **errors}}


def _own_paths() -> dict[str, Any]:
    """This document and its page, which Litestar's own router answers."""
    told = {
        "/api/openapi.json": ("openapi", "This document", "application/json"),
        "/api/docs": ("docs", "This document as a page", "text/html"),
    }
    return {
        path: {
            "get": {
                "operationId": name,
                "summary": summary,
                "tags": ["health"],
                "security": [],
                "responses": {"200": {"description": summary, "content": {media: {}}}},
            }
        }
        for path, (name, summary, media) in told.items()
    }


class DocumentPlugin(OpenAPIRenderPlugin):
    """`/api/openapi.json`: the OpenAPI document of every route and hot door."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type=MediaType.JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return msgspec.json.encode(merged(request.app))


class PagePlugin(OpenAPIRenderPlugin):
    """`/api/docs`: every route with its fields, its example and a `curl` to paste."""

    def __init__(self) -> None:
        super().__init__(path="/docs")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return page(merged(request.app), str(request.base_url).rstrip("/")).encode()


class _Pages(Router):
    """Litestar's router of documents without its page for paths that are not found: those get a
    problem document, as everywhere."""

    def register(self, value: Any) -> list[BaseRoute]:
        if "/{path:str}" in getattr(value, "paths", ()):
            return []
        return super().register(value)


def openapi_config() -> OpenAPIConfig:
    config = OpenAPIConfig(
        title="Patron",
        version=VERSION,
        description=DESCRIPTION,
        openapi_router=_Pages("/api", route_handlers=[], include_in_schema=False),
        use_handler_docstrings=True,
        render_plugins=[PagePlugin(), DocumentPlugin()],
        components=Components(security_schemes={**KEYS}),
    )
    config.default_plugin = None  # it would answer at /api too
    return config


def page(document: dict[str, Any], base: str) -> str:
    """The document as one HTML page that needs no script."""
    rooms: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if not isinstance(operation, dict):
                continue
            room = (operation.get("tags") or ["other"])[0]
            rooms.setdefault(room, []).append(_route(document, base, path, method, operation))
    contents = "".join(f'<a href="#{_e(room)}">{_e(room)}</a>' for room in rooms)
    sections = "".join(
        f'<section id="{_e(room)}"><h2>{_e(room)}</h2>{"".join(routes)}</section>'
        for room, routes in rooms.items()
    )
    description = _prose(document["info"].get("description", ""))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Patron API</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{ICON}<style>{STYLE}</style></head><body><header><h1>Patron API</h1><p>{description}</p>"
        f'<p><a href="{base}/api/openapi.json">openapi.json</a></p></header>'
        f"<nav>{contents}</nav><main>{sections}</main></body></html>"
    )


def _route(
    document: dict[str, Any], base: str, path: str, method: str, operation: dict[str, Any]
) -> str:
    example = _example(document, operation)
    curl = [f"curl -X {method.upper()} '{base}{path}'"]
    if path.startswith("/api/"):
        curl.append("  -H 'Authorization: Bearer sk_…'")
    elif method == "post" and path.startswith("/v1/"):
        curl.append("  -u 'wk_…:'")
    raw = read_raw(operation)
    if raw is not None:
        media_type, body = raw
        curl += [f"  -H 'Content-Type: {media_type}'", f"  --data-binary $'{_escaped(body)}'"]
    elif example is not None:
        body = json.dumps(example, indent=2, ensure_ascii=False).replace("'", "'\\''")
        curl += ["  -H 'Content-Type: application/json'", f"  -d '{body}'"]
    fields = "".join(
        f"<tr><td><code>{_e(p['name'])}</code></td><td>{_e(p['in'])}</td>"
        f"<td>{_e(p.get('schema', {}).get('type', ''))}</td>"
        f"<td>{_prose(p.get('description', ''))}</td></tr>"
        for p in operation.get("parameters", [])
    )
    table = f"<table>{fields}</table>" if fields else ""
    return (
        f"<details><summary><b class={method}>{method.upper()}</b> <code>{_e(path)}</code>"
        f" <span>{_e(operation.get('summary', ''))}</span></summary>"
        f"<p>{_prose(operation.get('description', ''))}</p>{table}"
        f"<pre>{_e(_lines(curl))}</pre></details>"
    )


def _escaped(text: str) -> str:
    """For a shell's quotes of the kind $'…'."""
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")


def _lines(parts: list[str]) -> str:
    return " \\\n".join(parts)


def _example(document: dict[str, Any], operation: dict[str, Any]) -> Any:
    """The first example of the request's body, or None."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        for example in (content.get("examples") or {}).values():
            return example.get("value")
        schema = content.get("schema", {})
        if reference := schema.get("$ref"):
            schema = document["components"]["schemas"][reference.rsplit("/", 1)[1]]
        for example in schema.get("examples", []):
            return example
    return None


def _e(text: object) -> str:
    return html.escape(str(text))


def _prose(text: object) -> str:
    """Escaped, with `code` set as such."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _e(text))


# Otherwise browsers ask for /favicon.ico.
ICON = '<link rel="icon" href="data:,">'

STYLE = """
:root{color-scheme:light dark;--ink:#1c1d1f;--soft:#666b70;--line:#e3e5e8;--paper:#fff;
--code:#f5f6f7;--accent:#1f5f4a;--stop:#a33a2f}
@media(prefers-color-scheme:dark){:root{--ink:#ececec;--soft:#9aa0a6;--line:#33373b;
--paper:#16181a;--code:#1f2225;--accent:#7fd1b0;--stop:#f0988c}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:60rem;margin:0 auto;padding:1.5rem}
nav{display:flex;flex-wrap:wrap;gap:.4rem;margin:1.25rem 0;position:sticky;top:0;padding:.6rem 0;
background:var(--paper)}nav a{padding:.15rem .7rem;border:1px solid var(--line);
border-radius:1rem;text-decoration:none;font-size:.9rem}a{color:var(--accent)}
h1{margin:.5rem 0}h2{margin:2rem 0 .5rem;text-transform:capitalize;scroll-margin-top:6rem}
details{border-top:1px solid var(--line)}section details:last-child{
border-bottom:1px solid var(--line)}
summary{cursor:pointer;overflow-wrap:anywhere;display:grid;align-items:baseline;
grid-template-columns:4.2rem minmax(0,1.2fr) minmax(0,1fr);gap:.2rem .5rem;padding:.55rem 0}
summary:hover code{color:var(--accent)}summary span{color:var(--soft)}
summary b{font-size:.75rem;letter-spacing:.04em;color:var(--accent)}
summary b.delete{color:var(--stop)}details>*:not(summary){margin-left:4.7rem}
code{font:.9em ui-monospace,monospace}
pre{background:var(--code);padding:.9rem;border-radius:8px;overflow-x:auto;
font:.82rem/1.5 ui-monospace,monospace}
td{padding:.2rem .75rem .2rem 0;vertical-align:top;overflow-wrap:anywhere}
td:nth-child(2),td:nth-child(3){color:var(--soft)}p{color:var(--soft)}
@media(max-width:40rem){body{padding:1rem}summary{grid-template-columns:3.6rem minmax(0,1fr)}
summary span{grid-column:2}details>*:not(summary){margin-left:0}nav{position:static}}
"""
