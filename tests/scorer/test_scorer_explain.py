"""`POST /explain`, asked through the ASGI app: a forest and a linear model as training exports them."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bentos.scorer import explaining
from bentos.scorer.keys import new_key
from propensity.bundle import Bundle, Recorded
from propensity.experiment.split import ExperimentSplit
from propensity.features.definition import NAMES
from propensity.settings import Settings, read_settings
from propensity.store import Experiment, Store, open_store
from tests.scorer.conftest import make_bundle
from training import export

ESTIMATORS = {
    "random_forest": RandomForestClassifier(n_estimators=30, max_depth=8, random_state=0),
    "logistic_regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
}


@pytest.fixture(scope="module", params=list(ESTIMATORS))
def explained(request: pytest.FixtureRequest, bundle: Bundle) -> Bundle:
    """A calibrated model whose ONNX holds what explanations need."""
    draw = np.random.default_rng(3)
    rows = draw.gamma(1.0, 3.0, (1_500, len(NAMES))).astype(np.float32)
    bought = (rows[:, NAMES.index("cart_count")] + draw.normal(0, 1.0, 1_500) > 2).astype(int)
    fitted = ESTIMATORS[request.param].fit(rows, bought)
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted), method="sigmoid").fit(rows, bought)
    document = {name: getattr(bundle.document, name) for name in bundle.document.__struct_fields__}
    return Bundle.make(
        onnx=export.to_onnx(calibrated),
        document=type(bundle.document)(**(document | {"estimator": request.param})),
        recorded=Recorded(
            inputs=rows[:20].tolist(), probabilities=calibrated.predict_proba(rows[:20])[:, 1].tolist()
        ),
    )


@pytest.fixture
def ask(  # noqa: PLR0917 - fixtures
    explained: Bundle,
    settings: Settings,
    store: Store,
    promote: Callable[..., None],
    running: Any,
    caller: Any,
) -> Iterator[Any]:
    promote(store, explained, version="8")
    with running(settings) as parts:
        parts.keeper.ready(wait_seconds=10)
        yield caller(parts)


@pytest.mark.parametrize("asked", [{"user_id": "known"}, {"user_id": "stranger", "cart_count": 3}])
def test_contributions_add_up_and_the_answer_is_that_of_predict(ask: Any, asked: dict[str, Any]) -> None:
    answer = ask("POST", "/explain", json=asked)
    assert answer.status_code == 200
    why, said = answer.json(), ask("POST", "/predict", json=asked).json()
    total = why["base"] + sum(one["contribution"] for one in why["contributions"])
    assert total == pytest.approx(why["raw"], abs=1e-6)
    for field in ("user_id", "prediction", "threshold", "model_version", "features_from"):
        assert why[field] == said[field]
    assert why["probability"] == pytest.approx(said["probability"], abs=1e-6)
    sizes = [abs(one["contribution"]) for one in why["contributions"]]
    assert sizes == sorted(sizes, reverse=True)
    assert {one["feature"] for one in why["contributions"]} == set(NAMES)
    cart = next(one for one in why["contributions"] if one["feature"] == "cart_count")
    assert cart["value"] == asked.get("cart_count", 2)


def test_who_is_on_the_challengers_side_is_told_that_the_champion_is_explained(
    ask: Any, store: Store, explained: Bundle, eventually: Callable[..., Any]
) -> None:
    assert not {"arm", "answered_by"} & set(ask("POST", "/explain", json={"user_id": "known"}).json())
    challenger = make_bundle(seed=5)
    store.bundles.put(challenger.digest, challenger.files)
    experiment = Experiment(
        number=5, mode="ab", challenger=f"9@{challenger.digest}", champion=f"8@{explained.digest}", seed=11,
        share=0.5, started_at=1, stage_at=1,
    )  # fmt: skip
    store.experiments.set_current(experiment)
    asked = {"user_id": "u0", "cart_count": 1}
    eventually(lambda: "arm" in ask("POST", "/predict", json=asked).json(), seconds=60)
    split = ExperimentSplit(share=0.5, seed=11)
    versions = {"champion": "8", "challenger": "9"}
    for user in ("u0", "u1", "u2", "u3", "u4", "u5"):
        why = ask("POST", "/explain", json={"user_id": user, "cart_count": 1}).json()
        assert (why["arm"], why["answered_by"]) == (split.side(user), versions[split.side(user)])
        assert why["model_version"] == "8"
    assert {split.side(f"u{number}") for number in range(6)} == {"champion", "challenger"}


def test_an_explanation_is_no_answer_and_is_not_logged(ask: Any, store: Store) -> None:
    assert ask("POST", "/explain", json={"user_id": "known"}).status_code == 200
    metrics = ask("GET", "/metrics").text
    assert 'scorer_requests_total{route="/explain",status="200"} 1.0' in metrics
    assert "scorer_predictions_total{" not in metrics
    assert store.predictions.count() == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"user_id": "nobody"}', 404),
        (b'{"user_id": "a", "cart_count": -1}', 422),
        (b'{"user_id": "a", "colour": 1}', 422),
        (b"[", 422),
        (b'{"user_id": "a"}' + b" " * 70_000, 413),
    ],
)
def test_what_can_not_be_predicted_can_not_be_explained(ask: Any, body: bytes, status: int) -> None:
    assert ask("POST", "/explain", content=body).status_code == status


def test_beyond_its_line_requests_are_told_to_come_again_and_predictions_go_on(ask: Any) -> None:
    async def ask_all() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=ask._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://scorer") as client:
            body = {"user_id": "known"}
            explained = [client.post("/explain", json=body) for _ in range(explaining.WAITING + 5)]
            return await asyncio.gather(*explained, client.post("/predict", json=body))

    *answers, prediction = asyncio.run(ask_all())
    assert [one.status_code for one in answers].count(429) == 5
    assert [one.status_code for one in answers].count(200) == explaining.WAITING
    assert prediction.status_code == 200


def test_a_key_needs_the_scope(ask: Any, settings: Settings, running: Any, caller: Any) -> None:  # noqa: ARG001
    (why, may), (shop, only) = new_key("desk", ["explain"]), new_key("shop", ["predict"])
    path = settings.home / "keys.json"
    path.write_text(json.dumps([may, only]))
    with running(read_settings(home=settings.home, api_keys_file=str(path))) as parts:
        parts.keeper.ready(wait_seconds=10)
        guarded = caller(parts)
        statuses = [
            guarded(
                "POST", route, json={"user_id": "known"}, headers={"authorization": f"Bearer {secret}"}
            ).status_code
            for route, secret in (
                ("/explain", why),
                ("/explain", shop),
                ("/predict", why),
            )
        ]
    assert statuses == [200, 403, 403]


def test_a_version_without_explanation_data_says_so_and_goes_on_predicting(
    settings: Settings, bundle: Bundle, promote: Callable[..., None], running: Any, caller: Any
) -> None:
    with open_store(settings.store_uri.get_secret_value()) as store:
        promote(store, bundle, version="7")
    with running(settings) as parts:
        parts.keeper.ready(wait_seconds=10)
        guarded = caller(parts)
        answer = guarded("POST", "/explain", json={"user_id": "a", "cart_count": 1})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_explanation")
        assert guarded("POST", "/predict", json={"user_id": "a", "cart_count": 1}).status_code == 200
