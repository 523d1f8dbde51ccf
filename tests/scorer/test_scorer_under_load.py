"""The fast path is held to everything while it is fast: load on a served process, and at the same time whatever can be sent.

The load asks over many connections, with every feature given and for users of the store, and holds a key; meanwhile requests
are made from the OpenAPI document, right ones and wrong ones. No 5xx, no answer but the model's, a record for each, and in
each record of a stored user the features that training would have computed for that moment.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from bentos.scorer.keys import new_key
from bentos.scorer.openapi import document
from propensity.bundle import Bundle
from propensity.events.event import HOUR
from propensity.store import Store, open_store
from tests.scorer.conftest import Served, make_prediction, put_in_production, served, wait_for
from tests.scorer.offline_rows import differing, histories, stored_questions
from tests.witness import Told, Witnesses, given_in_full

pytestmark = pytest.mark.journey

CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
BODIES = [("/predict", mode) for mode in schemathesis.GenerationMode] + [
    ("/predict/batch", schemathesis.GenerationMode.POSITIVE),
    ("/events", schemathesis.GenerationMode.NEGATIVE),
]
EXAMPLES = 60
USERS = 300
CLIENTS = 24
COMPARED = 600
"""Records held against the offline features: each is a cutoff of its own for all users."""


@pytest.fixture
def kept(tmp_path: Path, bundle: Bundle) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        put_in_production(store, bundle, version="7")
        store.events.add(histories(USERS, seed=11, now=time.time_ns() // 1_000))
        yield store


@pytest.fixture
def key(tmp_path: Path) -> str:
    """A key that the service asks for."""
    secret, record = new_key("load", ["predict", "events"])
    (tmp_path / "keys.json").write_text(json.dumps([record]))
    return secret


@pytest.fixture
def service(tmp_path: Path, kept: Store, key: str) -> Iterator[Served]:  # noqa: ARG001 - it makes the champion
    environment = {
        "PROPENSITY_HOME": str(tmp_path),
        "PROPENSITY_STORE_URI": f"sqlite:///{tmp_path / 'store.db'}",
        "PROPENSITY_API_KEYS_FILE": str(tmp_path / "keys.json"),
    }
    with served(tmp_path, **environment) as running:
        wait_for(lambda: running.answers("/readyz"), seconds=20)
        yield running


class Fuzz:
    """Requests made from the document, one after the other over one connection, and the ids of what they were answered."""

    def __init__(self, url: str, *, key: str) -> None:
        self.statuses: Counter[int] = Counter()
        self.ids: list[str] = []
        self._client = httpx.Client(base_url=url, timeout=10, headers={"x-api-key": key})
        self._described = schemathesis.openapi.from_dict(document())

    def run(self, path: str, mode: schemathesis.GenerationMode) -> None:
        """Ask and check the document's promises."""

        @given(case=self._described[path]["POST"].as_strategy(generation_mode=mode))
        @examples(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )
        def check(case: Any) -> None:
            sent = case.as_transport_kwargs(base_url=str(self._client.base_url))
            given = {name: sent[name] for name in ("headers", "json") if sent.get(name) is not None}
            if sent.get("data") is not None:
                given["content"] = sent["data"]
            answer = self._client.post(path, **given)
            self._keep(answer)
            case.validate_response(answer, checks=CHECKS)

        check()

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _keep(self, answer: httpx.Response) -> None:
        self.statuses[answer.status_code] += 1
        if answer.status_code == 200:
            said = answer.json()
            items = said.get("predictions", [said])
            self.ids += [item["prediction_id"] for item in items if "prediction_id" in item]


def unrecorded(store: Store, ids: list[str]) -> int:
    """Return how many of the predictions have no record: adding one that is there changes nothing."""
    records = [msgspec.structs.replace(make_prediction(0), prediction_id=one) for one in ids]
    return sum(store.predictions.add(records[start : start + 500]) for start in range(0, len(records), 500))


def test_under_load_whatever_is_asked_there_is_no_5xx_no_answer_but_the_models_and_no_record_missing(
    service: Served, kept: Store, bundle: Bundle, key: str
) -> None:
    port = int(service.url.rsplit(":", 1)[1])
    fuzz = Fuzz(service.url, key=key)
    asked = [*given_in_full(bundle, count=2 * USERS, seed=3), *stored_questions(USERS)]
    np.random.default_rng(1).shuffle(asked)  # type: ignore[arg-type]
    with Witnesses(port, asked, clients=CLIENTS, pause_seconds=0.0, key=key) as load:
        for path, mode in BODIES:
            fuzz.run(path, mode)
    fuzz.close()
    told: Told = load.told
    assert not told.broken
    assert set(told.statuses) == {("given", 200), ("known", 200), ("mixed", 200)}
    assert len(told.answers) > 1_000, "The fuzzing was not under load."
    assert told.disagreeing == []
    assert fuzz.statuses[200] > EXAMPLES
    assert fuzz.statuses[422] > EXAMPLES / 2
    assert service.terminate() == 0
    ids = told.prediction_ids + fuzz.ids
    assert len(set(ids)) == len(ids) == kept.predictions.count()
    assert unrecorded(kept, ids) == 0
    records = [one for one in kept.predictions.latest(len(ids)) if one.user_id.startswith("stored-")]
    some = records[:: max(1, len(records) // COMPARED)]
    assert len({one.user_id for one in some}) > USERS / 2
    assert {one.features_from for one in some} == {"store", "mixed"}
    assert differing(kept, some, bundle=bundle) == []
    late = [msgspec.structs.replace(one, predicted_at=one.predicted_at + HOUR) for one in some[:50]]
    assert differing(kept, late, bundle=bundle), "Records of an hour later must not be equal."


def test_without_the_key_nobody_is_answered_under_load_either(service: Served) -> None:
    port = int(service.url.rsplit(":", 1)[1])
    with Witnesses(port, stored_questions(3), clients=CLIENTS, pause_seconds=0.0, key="ppk_another") as load:
        wait_for(lambda: len(load.told.answers) > 200)
    assert {status for _, status in load.told.statuses} == {401}
