"""The schemas of the OpenAPI document: requests from the features' definition, answers from their msgspec types."""

from typing import Any

import msgspec

from bentos.scorer.answers import (
    EventsAnswer,
    ExplainAnswer,
    ForgetAnswer,
    ItemError,
    ModelAnswer,
    PredictAnswer,
    StatusAnswer,
)
from bentos.scorer.forgetting import MAX_REASON
from bentos.scorer.problems import ErrorAnswer
from bentos.scorer.requests import MAX_BATCH_USERS, USER_ID_PATTERN
from propensity.events.event import EVENT_TYPES, MAX_ID_LENGTH
from propensity.features.definition import FEATURES, Feature

Json = dict[str, Any]


def ref(name: str) -> Json:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def all_schemas() -> Json:
    """Return every schema by its name."""
    _, answers = msgspec.json.schema_components(
        [
            PredictAnswer,
            ExplainAnswer,
            ForgetAnswer,
            ItemError,
            EventsAnswer,
            ModelAnswer,
            StatusAnswer,
            ErrorAnswer,
        ],
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
                "users": {"type": "array", "maxItems": MAX_BATCH_USERS, "items": ref("PredictRequest")}
            },
        },
        "Event": _event(),
        "ForgetRequest": {
            "type": "object",
            "required": ["user_id", "reason"],
            "additionalProperties": False,
            "properties": {
                "user_id": _user_id(),
                "reason": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": MAX_REASON,
                    "pattern": USER_ID_PATTERN,
                },
            },
        },
    }
    batch = {
        "type": "object",
        "description": "Answers in the order asked.",
        "required": ["predictions"],
        "properties": {
            "predictions": {"type": "array", "items": {"anyOf": [ref("PredictAnswer"), ref("ItemError")]}}
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
        "additionalProperties": False,
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
