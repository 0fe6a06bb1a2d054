"""The tracking API in the OpenAPI document, which Litestar cannot write for a bare ASGI door."""

from typing import Any

from patron.events.door import calls

_ANY = {"type": "object", "additionalProperties": True}
_TEXT = {"type": "string"}
_TIME = {"type": "string", "description": "ISO 8601, best in UTC"}

_COMMON: dict[str, Any] = {
    "writeKey": {"type": "string", "description": "the shop's write key, unless a header has one"},
    "userId": {"type": "string", "description": "the shop's id of a known customer"},
    "anonymousId": {"type": "string", "description": "the browser's or device's own id"},
    "messageId": {"type": "string", "description": "the same in each retry; dedup key"},
    "timestamp": _TIME,
    "sentAt": {**_TIME, "description": "the client's clock when sending; corrects its skew"},
    "context": {**_ANY, "description": "page, campaign, device, userAgent, traits, consent …"},
    "integrations": _ANY,
    "backfill": {"type": "boolean", "description": "history: recorded, starts nothing"},
}
_OWN: dict[str, dict[str, Any]] = {
    "track": {"event": {"type": "string", "description": "what happened"}, "properties": _ANY},
    "identify": {"traits": _ANY},
    "page": {"name": _TEXT, "category": _TEXT, "properties": _ANY},
    "screen": {"name": _TEXT, "category": _TEXT, "properties": _ANY},
    "group": {"groupId": _TEXT, "traits": _ANY},
    "alias": {"previousId": _TEXT},
}
_SUMMARIES = {
    "track": "Something happened",
    "identify": "Who it is, and what is known of them",
    "page": "A page was seen",
    "screen": "A screen of an app was seen",
    "group": "Who belongs together",
    "alias": "Two ids are one person",
    "batch": "Many calls at once",
}
_VISITOR = "9d2f6c9e-6f0b-4d8a-9a55-0c8a3a2f7b11"
_EXAMPLES: dict[str, dict[str, Any]] = {
    "track": {
        "event": "Product Added",
        "anonymousId": _VISITOR,
        "messageId": "m-0001",
        "timestamp": "2026-03-02T12:00:00.000Z",
        "properties": {
            "cart_id": "cart-17",
            "product_id": "1017",
            "name": "Rye Bread, 500 g",
            "price": 4.2,
            "currency": "EUR",
            "quantity": 1,
        },
    },
    "identify": {
        "userId": "customer-4711",
        "anonymousId": _VISITOR,
        "traits": {"email": "ada@example.com", "firstName": "Ada"},
    },
    "page": {
        "anonymousId": _VISITOR,
        "name": "Bread",
        "context": {"page": {"url": "https://shop.example/bread?utm_source=letter"}},
    },
    "screen": {"anonymousId": _VISITOR, "name": "Cart"},
    "group": {"userId": "customer-4711", "groupId": "household-9", "traits": {"size": 3}},
    "alias": {"previousId": _VISITOR, "userId": "customer-4711"},
}
_EXAMPLES[calls.BATCH] = {
    "batch": [{"type": "track", **_EXAMPLES["track"]}, {"type": "page", **_EXAMPLES["page"]}],
    "sentAt": "2026-03-02T12:00:01.000Z",
}
_PROBLEMS = {
    "400": "Not JSON, or not of the right shape; `path` says where",
    "401": "The key is missing or opens no shop",
    "403": "The server key lacks the scope `ingest`",
    "413": "More than 32 KB for an event or 500 KB for a batch",
    "415": "Content-Encoding is neither absent nor gzip",
    "429": "The inbox is at its bound; come back after `Retry-After` seconds",
    "503": "The database cannot be written; come back after `Retry-After` seconds",
}
_NOTES = (
    "Answers 200 when the call is on disk. JSON whatever the content type, gzip if wanted. The"
    " key stands in `writeKey`, as the user name of Basic authentication, or – a server key, which"
    " makes the call trusted – as Bearer token. What is found wrong with an event later is listed"
    " as rejected, not answered."
)
_PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "path": _TEXT,
        "remedy": _TEXT,
        "code": {"type": "string", "description": "as Segment's clients expect it"},
        "message": {"type": "string", "description": "as Segment's clients expect it"},
    },
}
_KEY = {
    "name": "writeKey",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,100}$"},
    "description": "the shop's write key",
}
_BUNDLE = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\\.js$"},
    "description": "the file's name, as the library asks for it",
}


def openapi_paths() -> dict[str, Any]:
    """The path items of the tracking API, the short paths and the browser library's files."""
    paths = {path: {"post": _posted(path, kind)} for path, kind in calls.PATHS.items()}
    return {
        **paths,
        "/v1/projects/{writeKey}/settings": {
            "get": _got(
                "browserSettings",
                "Settings of the browser library",
                [_KEY],
                {"application/json": {"schema": _ANY}},
            )
        },
        **{
            f"/analytics.js/v1/{{writeKey}}/{file}": {
                "get": _got(
                    name,
                    "The browser library, set up for this shop",
                    [_KEY],
                    {"text/javascript": {"schema": _TEXT}},
                )
            }
            for file, name in (
                ("analytics.min.js", "browserLibrary"),
                ("analytics.js", "browserLibraryByItsOtherName"),
            )
        },
        "/analytics-next/bundles/{name}": {
            "get": _got(
                "browserBundle",
                "A part that the browser library loads when it needs it",
                [_BUNDLE],
                {"text/javascript": {"schema": _TEXT}},
            )
        },
    }


def _posted(path: str, kind: str) -> dict[str, Any]:
    return {
        "operationId": "v1" + path.rsplit("/", 1)[1].capitalize(),
        "summary": _SUMMARIES[kind],
        "description": _NOTES,
        "tags": ["events"],
        "security": [{"writeKey": []}, {"serverKey": ["ingest"]}, {}],
        "requestBody": {
            "required": True,
            "content": {
                media: {
                    "schema": _schema(kind),
                    "examples": {kind: {"value": _EXAMPLES[kind]}},
                }
                for media in ("application/json", "text/plain")
            },
        },
        "responses": {
            "200": {
                "description": "It is on disk",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["success"],
                            "properties": {"success": {"const": True}},
                        }
                    }
                },
            },
            **{status: _problem(text) for status, text in _PROBLEMS.items()},
        },
    }


def _schema(kind: str) -> dict[str, Any]:
    if kind != calls.BATCH:
        return {"type": "object", "properties": {**_COMMON, **_OWN[kind]}}
    event = {
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {"enum": list(calls.TYPES)},
            **{name: value for name, value in _COMMON.items() if name != "writeKey"},
            "event": _TEXT,
            "properties": _ANY,
            "traits": _ANY,
        },
    }
    outer = ("writeKey", "sentAt", "context", "integrations", "backfill")
    return {
        "type": "object",
        "required": ["batch"],
        "properties": {
            "batch": {"type": "array", "items": event, "maxItems": calls.BATCH_EVENTS},
            **{name: _COMMON[name] for name in outer},
        },
    }


def _got(
    name: str, summary: str, parameters: list[dict[str, Any]], content: dict[str, Any]
) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["events"],
        "security": [],
        "parameters": parameters,
        "responses": {
            "200": {"description": summary, "content": content},
            "400": _problem("The request names no host"),
            "404": _problem("No shop has this write key, or the library is not installed"),
            "503": _problem(_PROBLEMS["503"]),
        },
    }


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": _PROBLEM_SCHEMA}},
    }
