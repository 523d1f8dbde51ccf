"""The service class called without HTTP, BentoML's own app around it, and what importing it costs."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bentos.scorer.problems import Problem
from bentos.scorer.service import Scorer
from propensity.features.definition import FEATURES
from propensity.settings import Settings
from propensity.store import Store


@pytest.fixture
def scorer(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    assert store.champion()
    monkeypatch.setenv("PROPENSITY_HOME", str(settings.home))
    instance = Scorer()
    yield instance
    instance.stop()


def test_the_class_answers_one_user(scorer: Any) -> None:
    answer = scorer.predict(user_id="12345", last_activity_hours=2.5, cart_count=3, session_duration=15.2)
    assert answer["user_id"] == "12345"
    assert answer["prediction"] == int(answer["probability"] >= answer["threshold"])


def test_the_class_answers_a_batch(scorer: Any) -> None:
    answers = scorer.predict_batch(users=[{"user_id": "known"}, {"user_id": "stranger"}])["predictions"]
    assert answers[0]["features_from"] == "store"
    assert answers[1]["error"]["code"] == "unknown_user"


def test_the_class_raises_what_http_would_answer(scorer: Any) -> None:
    for asked, status in (
        ({"user_id": "stranger"}, 404),
        ({"user_id": "a", "cart_count": float("nan")}, 422),
    ):
        with pytest.raises(Problem) as raised:
            scorer.predict(**asked)
        assert raised.value.status == status


def test_bentomls_description_names_both_endpoints_and_every_feature() -> None:
    single, batch = Scorer.schema()["routes"]
    assert (single["name"], single["route"]) == ("predict", "/predict")
    assert set(single["input"]["properties"]) == {"user_id", *(feature.name for feature in FEATURES)}
    assert (batch["name"], batch["route"]) == ("predict_batch", "/predict/batch")


def test_bentomls_asgi_app_lives_and_dies_with_the_service(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROPENSITY_HOME", str(settings.home))
    monkeypatch.setattr("bentos.scorer.service.set_up_logging", lambda _: None)
    app = Scorer.to_asgi()

    async def ask() -> list[Any]:
        inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        outbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        life = asyncio.create_task(app({"type": "lifespan", "asgi": {}}, inbox.get, outbox.put))
        await inbox.put({"type": "lifespan.startup"})
        assert (await outbox.get())["type"] == "lifespan.startup.complete"
        await asyncio.to_thread(Scorer.assembly.keeper.ready, wait_seconds=10)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://s") as client:
            answers = [
                await client.post("/predict", json={"user_id": "known"}),
                await client.get("/schema.json"),
            ]
        await inbox.put({"type": "lifespan.shutdown"})
        assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
        await life
        return answers

    predicted, schema = asyncio.run(ask())
    assert predicted.status_code == 200
    assert schema.json()["name"] == "propensity_scorer"
    assert store.predictions.count() == 1


def test_the_image_needs_nothing_of_the_trainings() -> None:
    code = (
        "import sys, bentos.scorer.service\n"
        "heavy = {'mlflow', 'pandas', 'polars', 'sklearn', 'skl2onnx', 'scipy', 'matplotlib', 'propensity.cli'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
