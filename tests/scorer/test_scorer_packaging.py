"""A Bento with a model inside, served for real in an empty folder with neither store nor registry."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from propensity.bundle import Bundle, Recorded
from propensity.errors import BrokenBundle

BRIEF = b'{"user_id": "12345", "last_activity_hours": 2.5, "cart_count": 3, "session_duration": 15.2}'


def test_a_packaged_model_answers_alone(
    tmp_path: Path, bundle: Bundle, serve: Any, eventually: Callable[..., Any]
) -> None:
    bundle.save(tmp_path / "bundle")
    code = (
        "import sys; from pathlib import Path; from propensity.bundle import Bundle\n"
        "from bentos.scorer.packaging import package\n"
        "print(package(Bundle.load(Path(sys.argv[1])), version='7', verdict='unproven'))"
    )
    home = tmp_path / "bentoml"
    built = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "bundle"],
        env=os.environ | {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"},
        capture_output=True,
        text=True,
        check=True,
    )
    tag = built.stdout.strip().splitlines()[-1]
    assert tag.startswith("propensity_scorer:v7-")
    empty = tmp_path / "empty"
    empty.mkdir()
    with serve(tmp_path, target=tag, cwd=empty) as running:
        eventually(lambda: running.answers("/readyz"), seconds=20)
        answer = running.client.post("/predict", content=BRIEF)
        assert answer.status_code == 200
        assert (answer.json()["model_version"], answer.json()["features_from"]) == ("7", "default")
        refused = running.client.post("/predict", json={"user_id": "12345"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "no_store")
        assert running.client.post("/events", json=[]).status_code == 503
        assert 'scorer_prediction_records_total{state="unlogged"} 1.0' in running.client.get("/metrics").text
    assert list(empty.iterdir()) == []


def test_a_bundle_that_does_not_verify_is_not_packaged(bundle: Bundle) -> None:
    from bentos.scorer.packaging import package

    recorded = Recorded(inputs=bundle.recorded.inputs, probabilities=[0.1] * 20)
    with pytest.raises(BrokenBundle):
        package(Bundle.make(onnx=bundle.onnx, document=bundle.document, recorded=recorded), version="7")
