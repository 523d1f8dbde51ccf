"""The OpenAPI document, made from the types that decode requests and the one definition of the features.

Version 3.0, because the Swagger UI that can be had as a package reads no 3.1. `python -m bentos.scorer.openapi FILE`
writes it; a test holds docs/openapi.json to it.
"""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

from bentos.scorer.answers import (
    EventsAnswer,
    ItemError,
    ModelAnswer,
    PredictAnswer,
    StatusAnswer,
)
from bentos.scorer.problems import ErrorAnswer
from bentos.scorer.requests import MAX_BATCH_USERS, MAX_EVENTS, USER_ID_PATTERN
from propensity.events.event import EVENT_TYPES, MAX_ID_LENGTH
from propensity.features.definition import FEATURES, VERSION, Feature

Json = dict[str, Any]

EXAMPLE: Final = {"user_id": "12345", "last_activity_hours": 2.5, "cart_count": 3, "session_duration": 15.2}
BATCH_EXAMPLE: Final = {
    "users": [{"user_id": "12345", "cart_count": 3}, {"user_id": "67890", "cart_count": 0}]
}
EVENT_EXAMPLE: Final = {
    "event_id": "e-1",
    "user_id": "12345",
    "event_type": "cart",
    "event_time": "2026-11-22T10:00:00Z",
    "product_id": "p-7",
    "price": 35.79,
}

_ERRORS: Final = {
    401: "No valid API key.",
    403: "The key lacks the scope.",
    404: "Unknown user and no feature given.",
    408: "The body took too long to arrive.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The body breaks the schema.",
    429: "Too busy; Retry-After says when to come again.",
    503: "No verified model, or the store is needed and away.",
}
_POST_ERRORS: Final = (401, 403, 408, 413, 415, 422, 429, 503)


def document() -> Json:
    """Return the whole document."""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Propensity",
            "version": version("propensity"),
            "description": "Which users of a retail app will buy in the next 24 hours? "
            f"Features are those of definition version {VERSION}; what is not given comes from the store, "
            "or for an unknown user from the declared defaults.",
        },
        "paths": _paths(),
        "components": {"schemas": _schemas(), "securitySchemes": _security()},
    }


def _paths() -> Json:
    return {
        "/predict": {
            "post": _post(
                "predict",
                "Will this user buy within 24 hours?",
                body=_ref("PredictRequest"),
                example=EXAMPLE,
                answer="PredictAnswer",
                errors=(404, *_POST_ERRORS),
            )
        },
        "/predict/batch": {
            "post": _post(
                "predict_batch",
                "The same for up to 10,000 users; a bad or unknown one is an item with an error.",
                body=_ref("BatchRequest"),
                example=BATCH_EXAMPLE,
                answer="BatchAnswer",
                errors=_POST_ERRORS,
            )
        },
        "/events": {
            "post": _post(
                "add_events",
                "Store what users did; answered when it is durable. Refused items are listed with reasons.",
                body={
                    "anyOf": [
                        _ref("Event"),
                        {"type": "array", "items": _ref("Event"), "maxItems": MAX_EVENTS},
                    ]
                },
                example=EVENT_EXAMPLE,
                answer="EventsAnswer",
                errors=_POST_ERRORS,
                status="202",
            )
        },
        "/model": {
            "get": _get("model", "The model that answers, and how good it was.", "ModelAnswer", keyed=True)
        },
        "/livez": {"get": _get("livez", "Whether the process lives.", "StatusAnswer")},
        "/readyz": {"get": _get("readyz", "Whether a verified model is there; if not, why.", "StatusAnswer")},
    }


def _post(
    name: str,
    summary: str,
    *,
    body: Json,
    example: object,
    answer: str,
    errors: tuple[int, ...],
    status: str = "200",
) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "security": [{"bearer": []}, {"key": []}, {}],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body, "example": example}},
        },
        "responses": {status: _response(summary, answer), **_error_responses(errors)},
    }


def _get(name: str, summary: str, answer: str, *, keyed: bool = False) -> Json:
    errors = (401, 403, 429, 503) if keyed else (503,)
    return {
        "operationId": name,
        "summary": summary,
        "security": [{"bearer": []}, {"key": []}, {}] if keyed else [],
        "responses": {"200": _response(summary, answer), **_error_responses(errors)},
    }


def _response(description: str, answer: str) -> Json:
    return {"description": description, "content": {"application/json": {"schema": _ref(answer)}}}


def _error_responses(statuses: tuple[int, ...]) -> Json:
    return {str(status): _response(_ERRORS[status], "ErrorAnswer") for status in statuses}


def _security() -> Json:
    return {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas() -> Json:
    _, answers = msgspec.json.schema_components(
        [PredictAnswer, ItemError, EventsAnswer, ModelAnswer, StatusAnswer, ErrorAnswer],
        ref_template="#/components/schemas/{name}",
    )
    requests = {
        "PredictRequest": _predict_request(),
        "BatchRequest": {
            "type": "object",
            "description": "A user that breaks PredictRequest is answered with an error in its place.",
            "required": ["users"],
            "additionalProperties": False,
            "properties": {
                "users": {"type": "array", "maxItems": MAX_BATCH_USERS, "items": _ref("PredictRequest")}
            },
        },
        "Event": _event(),
    }
    batch = {
        "type": "object",
        "description": "Answers in the order asked.",
        "required": ["predictions"],
        "properties": {
            "predictions": {"type": "array", "items": {"anyOf": [_ref("PredictAnswer"), _ref("ItemError")]}}
        },
    }
    return requests | {"BatchAnswer": batch} | {name: _for_3_0(schema) for name, schema in answers.items()}


def _predict_request() -> Json:
    return {
        "type": "object",
        "required": ["user_id"],
        "additionalProperties": False,
        "properties": {"user_id": _user_id(), **{feature.name: _property(feature) for feature in FEATURES}},
    }


def _user_id() -> Json:
    return {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH, "pattern": USER_ID_PATTERN}


def _property(feature: Feature) -> Json:
    default = int(feature.default) if feature.integer else feature.default
    bounds = (
        (int(feature.minimum), int(feature.maximum))
        if feature.integer
        else (feature.minimum, feature.maximum)
    )
    now = feature.window == "cutoff"
    left_out = (
        "the moment of the request" if now else f"the store's value, or {default:g} for an unknown user"
    )
    return {
        "type": "integer" if feature.integer else "number",
        "description": f"{feature.description} Unit: {feature.unit}. Left out: {left_out}.",
        "minimum": bounds[0],
        "maximum": bounds[1],
        "x-unit": feature.unit,
        "x-window": feature.window,
        "x-default": default,
    }


def _event() -> Json:
    text = {"type": "string", "nullable": True, "maxLength": MAX_ID_LENGTH}
    return {
        "type": "object",
        "description": "One thing a user did. An item that breaks this is refused with a reason; the others are stored.",
        "required": ["event_id", "user_id", "event_type", "event_time"],
        "properties": {
            "event_id": {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
            "user_id": _user_id(),
            "event_type": {"type": "string", "enum": list(EVENT_TYPES)},
            "event_time": {
                "description": "ISO 8601 with a zone, or integer microseconds since 1970 (UTC).",
                "anyOf": [{"type": "string"}, {"type": "integer"}],
            },
            "product_id": text,
            "category_id": text,
            "session_id": text,
            "price": {"type": "number", "nullable": True, "minimum": 0, "description": "In major units."},
        },
    }


def _for_3_0(schema: Any) -> Any:
    """Say `nullable` where JSON Schema has a type null, which OpenAPI 3.0 lacks."""
    if isinstance(schema, list):
        return [_for_3_0(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {key: _for_3_0(value) for key, value in schema.items()}
    kinds = converted.get("anyOf", [])
    if {"type": "null"} in kinds:
        rest = [kind for kind in kinds if kind != {"type": "null"}]
        del converted["anyOf"]
        converted |= {"allOf": rest} if "$ref" in rest[0] else rest[0]
        converted["nullable"] = True
    return {key: value for key, value in converted.items() if not (key == "default" and value is None)}


if __name__ == "__main__":
    content = msgspec.json.format(msgspec.json.encode(document()), indent=1)
    Path(sys.argv[1]).write_bytes(content + b"\n")
