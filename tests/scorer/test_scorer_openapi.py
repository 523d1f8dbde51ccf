"""The OpenAPI document: fresh, complete, and true of every request that can be made from it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bentos.scorer.openapi import document
from bentos.scorer.requests import PredictRequest
from propensity.features.definition import FEATURES

ROOT = Path(__file__).parents[2]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
"""What the document promises must hold: no 5xx, only declared answers of declared shapes."""


def test_the_written_document_is_the_services_own() -> None:
    written = msgspec.json.decode((ROOT / "docs" / "openapi.json").read_bytes())
    built = msgspec.json.decode(msgspec.json.encode(document()))
    assert written == built, "run: python -m bentos.scorer.openapi docs/openapi.json"


def test_the_document_can_be_written_from_the_command_line(tmp_path: Path) -> None:
    target = tmp_path / "openapi.json"
    subprocess.run([sys.executable, "-m", "bentos.scorer.openapi", target], check=True, cwd=ROOT)
    assert target.read_bytes() == (ROOT / "docs" / "openapi.json").read_bytes()


def test_every_feature_is_an_optional_field_with_unit_bounds_and_default() -> None:
    schema = document()["components"]["schemas"]["PredictRequest"]
    assert schema["required"] == ["user_id"]
    for feature in FEATURES:
        field = schema["properties"][feature.name]
        assert (field["minimum"], field["maximum"]) == (feature.minimum, feature.maximum)
        assert field["x-default"] == feature.default
        assert field["x-unit"] == feature.unit
    assert set(schema["properties"]) == set(PredictRequest.__struct_fields__)


def test_every_reference_leads_somewhere() -> None:
    text = msgspec.json.encode(document()).decode()
    for name in document()["components"]["schemas"]:
        text = text.replace(f'"#/components/schemas/{name}"', "")
    assert "#/components" not in text


GET, POST = ["/model", "/readyz", "/livez"], ["/predict", "/predict/batch", "/explain", "/events", "/forget"]
BODIES = [("POST", path, mode) for path in POST for mode in schemathesis.GenerationMode]


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [*BODIES, *(("GET", path, schemathesis.GenerationMode.POSITIVE) for path in GET)],
)
def test_whatever_is_asked_the_answers_keep_the_documents_promises(
    ask: Any, method: str, path: str, mode: schemathesis.GenerationMode
) -> None:
    described = schemathesis.openapi.from_dict(document())[path][method]
    statuses: set[int] = set()
    refused: set[str] = set()

    @given(case=described.as_strategy(generation_mode=mode))
    @examples(
        max_examples=150 if path == "/events" else 60,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    def check(case: Any) -> None:
        sent = case.as_transport_kwargs(base_url="http://scorer")
        given = {name: sent[name] for name in ("headers", "json") if sent.get(name) is not None}
        if sent.get("data") is not None:
            given["content"] = sent["data"]
        answer = ask(method, path, **given)
        statuses.add(answer.status_code)
        if answer.status_code == 202:
            refused.update(item["reason"] for item in answer.json()["refused"])
        case.validate_response(answer, checks=CHECKS)

    check()
    if mode is schemathesis.GenerationMode.POSITIVE:
        assert statuses <= {200, 202, 404, 409}
    else:
        # which of the reasons is drawn depends on the constants of all modules that the process has imported
        assert refused if path == "/events" else 422 in statuses
