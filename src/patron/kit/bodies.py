"""Bodies that are no JSON, in the OpenAPI document: a route that reads one itself names it."""

from dataclasses import dataclass
from typing import Any

from litestar.openapi.spec import (
    Example,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
)


def takes(media_type: str, description: str, example: str) -> type[Operation]:
    """The `operation_class` of a route whose handler reads its body from the request."""
    text = OpenAPIMediaType(
        schema=Schema(type=OpenAPIType.STRING, description=description),
        examples={"example": Example(value=example)},
    )

    @dataclass
    class Taking(Operation):
        def __post_init__(self) -> None:
            self.request_body = RequestBody(
                content={media_type: text}, description=description, required=True
            )

    return Taking


def read_raw(operation: dict[str, Any]) -> tuple[str, str] | None:
    """Media type and example of a documented body that is no JSON; None where there is none."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if media_type != "application/json":
            for example in (content.get("examples") or {}).values():
                return media_type, str(example["value"])
    return None
