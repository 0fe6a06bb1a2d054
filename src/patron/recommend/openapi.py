"""The door of recommendations in the OpenAPI document, which Litestar cannot write for it."""

from typing import Any

import msgspec

from patron.recommend.serving.asking import Answer, Question

EXAMPLE: dict[str, Any] = {
    "placements": ["bought_together", "recommended_for_you"],
    "anonymousId": "9d2f6c9e-6f0b-4d8a-9a55-0c8a3a2f7b11",
    "product": "1017",
    "distinct": True,
}
_PROBLEMS = {
    "400": "Not JSON, or not of the right shape; `path` says where",
    "401": "The key is missing or opens no shop",
    "403": "The server key lacks the scope `recommend:read`, or a write key asks by `profile`",
    "413": "More than 32 KB",
    "503": "Models and catalog are being opened, or the database is away; come back after"
    " `Retry-After` seconds",
}
_NOTES = (
    "One answer a placement, in the order of the question. With the write key a known customer's"
    " orders, traits and segments are not used unless `userHash` signs `userId`; a server key may"
    " ask for anybody, also by `profile`. What she looked at is known within a second of its"
    " event. Send `rec_id` with what becomes of the answer, so that it is counted. `why` is"
    " `held_out` where she is held out of the placement: hide the box that is empty then. Of"
    " another empty answer it says `no_products`, `nothing_known` or `kept_out`, then `dropped`"
    " by what."
)


def openapi_paths() -> dict[str, Any]:
    """The path item of `/v1/recommend`."""
    problem = {
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
        }
    }
    question, answer = _inlined(Question), _inlined(Answer)
    return {
        "/v1/recommend": {
            "post": {
                "operationId": "v1Recommend",
                "summary": "Products for a page, a mail or an app",
                "description": _NOTES,
                "tags": ["recommend"],
                "security": [{"writeKey": []}, {"serverKey": ["recommend:read"]}, {}],
                "requestBody": {
                    "required": True,
                    "content": {
                        media: {"schema": question, "examples": {"page": {"value": EXAMPLE}}}
                        for media in ("application/json", "text/plain")
                    },
                },
                "responses": {
                    "200": {
                        "description": "The answers",
                        "content": {"application/json": {"schema": answer}},
                    },
                    **{
                        status: {"description": text, **problem}
                        for status, text in _PROBLEMS.items()
                    },
                },
            }
        }
    }


def _inlined(kind: type) -> Any:
    """The schema of a struct with every reference put in: structs do not contain themselves."""
    (schema,), components = msgspec.json.schema_components([kind])

    def resolved(part: Any) -> Any:
        if isinstance(part, dict):
            if "$ref" in part:
                return resolved(components[part["$ref"].rsplit("/", 1)[1]])
            return {name: resolved(value) for name, value in part.items()}
        return [resolved(one) for one in part] if isinstance(part, list) else part

    return resolved(schema)
