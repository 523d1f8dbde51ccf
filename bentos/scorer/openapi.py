"""The OpenAPI document, made from the types that decode requests and the one definition of the features.

Version 3.0, because the Swagger UI that can be had as a package reads no 3.1. `python -m bentos.scorer.openapi FILE`
writes it; a test holds docs/openapi.json to it.
"""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from bentos.scorer.requests import MAX_EVENTS
from bentos.scorer.schemas import Json, all_schemas, ref
from propensity.features.definition import VERSION

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
FORGET_EXAMPLE: Final = {"user_id": "12345", "reason": "asked by letter of 3 March"}

_ERRORS: Final = {
    401: "No valid API key.",
    403: "The key lacks the scope.",
    404: "Unknown user and no feature given.",
    408: "The body took too long to arrive.",
    409: "The model carries no explanation data.",
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
        "components": {"schemas": all_schemas(), "securitySchemes": _security()},
    }


def _paths() -> Json:
    return {
        "/predict": {
            "post": _post(
                "predict",
                "Will this user buy within 24 hours?",
                body=ref("PredictRequest"),
                example=EXAMPLE,
                answer="PredictAnswer",
                errors=(404, *_POST_ERRORS),
            )
        },
        "/predict/batch": {
            "post": _post(
                "predict_batch",
                "The same for up to 10,000 users; a bad or unknown one is an item with an error.",
                body=ref("BatchRequest"),
                example=BATCH_EXAMPLE,
                answer="BatchAnswer",
                errors=_POST_ERRORS,
            )
        },
        "/explain": {
            "post": _post(
                "explain",
                "What each feature adds to this user's answer, exactly; asked as `/predict` is.",
                body=ref("PredictRequest"),
                example=EXAMPLE,
                answer="ExplainAnswer",
                errors=(404, 409, *_POST_ERRORS),
            )
        },
        "/events": {
            "post": _post(
                "add_events",
                "Store what users did; answered when it is durable. Refused items are listed with reasons.",
                body={
                    "anyOf": [
                        ref("Event"),
                        {"type": "array", "items": ref("Event"), "maxItems": MAX_EVENTS},
                    ]
                },
                example=EVENT_EXAMPLE,
                answer="EventsAnswer",
                errors=_POST_ERRORS,
                status="202",
            )
        },
        "/forget": {
            "post": _post(
                "forget",
                "Erase a user for good, and keep every log and request from bringing the user back. Safe to repeat.",
                body=ref("ForgetRequest"),
                example=FORGET_EXAMPLE,
                answer="ForgetAnswer",
                errors=_POST_ERRORS,
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
    return {"description": description, "content": {"application/json": {"schema": ref(answer)}}}


def _error_responses(statuses: tuple[int, ...]) -> Json:
    return {str(status): _response(_ERRORS[status], "ErrorAnswer") for status in statuses}


def _security() -> Json:
    return {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }


if __name__ == "__main__":
    content = msgspec.json.format(msgspec.json.encode(document()), indent=1)
    Path(sys.argv[1]).write_bytes(content + b"\n")
