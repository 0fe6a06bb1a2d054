"""The links of a mail in the OpenAPI document, which Litestar cannot write for a bare ASGI door."""

from typing import Any

_TOKEN = {
    "name": "token",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "signed; says which message it stood in and, of a click, where it leads",
}


def openapi_paths() -> dict[str, Any]:
    """The path items of the open pixel and the tracked link."""
    return {
        "/o/{token}.gif": {
            "get": _got(
                "openPixel",
                "Count that a mail was opened",
                "A picture of one pixel. `machine_open` of the event says whether a mail program's"
                " prefetch asked for it.",
                {"200": {"description": "The pixel", "content": {"image/gif": {}}}},
            )
        },
        "/l/{token}": {
            "get": _got(
                "click",
                "Count a click and go on",
                "Leads to the address in the signed link, which is one of the shop's own hosts.",
                {"302": {"description": "On to where the link leads"}},
            )
        },
    }


def _got(name: str, summary: str, description: str, answered: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "description": description,
        "tags": ["delivery"],
        "security": [],
        "parameters": [_TOKEN],
        "responses": {
            **answered,
            "404": {
                "description": "The link is damaged or not ours",
                "content": {"text/html": {"schema": {"type": "string"}}},
            },
        },
    }
