"""`POST /predict` and `/predict/batch`, asked through the ASGI app."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from bentos.scorer.assembly import Assembly
from propensity.bundle import Bundle, Recorded
from propensity.events.event import HOUR
from propensity.features.definition import NAMES
from propensity.features.online import default_row, user_features
from propensity.settings import Settings
from propensity.store import Store, open_store

BRIEF = b'{"user_id": "12345", "last_activity_hours": 2.5, "cart_count": 3, "session_duration": 15.2}'
BRIEF_BATCH = b'{"users": [{"user_id": "12345", "cart_count": 3}, {"user_id": "67890", "cart_count": 0}]}'

Ask = Callable[..., Any]


def row_of(prediction: Any) -> list[float]:
    return np.frombuffer(prediction.features, dtype="<f4").tolist()


def test_the_briefs_single_request_answers_200(ask: Ask) -> None:
    answer = ask("POST", "/predict", content=BRIEF)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {
        "user_id",
        "prediction",
        "probability",
        "threshold",
        "model_version",
        "prediction_id",
        "features_from",
    }
    assert body["user_id"] == "12345"
    assert body["model_version"] == "7"
    assert body["prediction"] == int(body["probability"] >= body["threshold"])


def test_the_briefs_batch_request_answers_200_in_order(ask: Ask) -> None:
    answer = ask("POST", "/predict/batch", content=BRIEF_BATCH)
    assert answer.status_code == 200
    full, empty = answer.json()["predictions"]
    assert (full["user_id"], empty["user_id"]) == ("12345", "67890")
    assert full["probability"] > empty["probability"]


def test_features_come_from_request_store_both_or_defaults(ask: Ask, every_feature: dict[str, float]) -> None:
    sources = [
        ask("POST", "/predict", json={"user_id": user, **given}).json()["features_from"]
        for user, given in (
            ("known", every_feature),
            ("known", {}),
            ("known", {"cart_count": 3}),
            ("stranger", {"cart_count": 3}),
        )
    ]
    assert sources == ["request", "store", "mixed", "default"]


def test_what_is_not_given_is_the_stores_value_and_what_is_given_wins(
    ask: Ask, store: Store, now: int, eventually: Callable[..., Any]
) -> None:
    ask("POST", "/predict", json={"user_id": "known"})
    ask("POST", "/predict", json={"user_id": "known", "cart_count": 9})
    ask("POST", "/predict", json={"user_id": "stranger", "cart_count": 9})
    eventually(lambda: store.predictions.count() == 3)
    logged = sorted(store.predictions.latest(3), key=lambda prediction: prediction.sequence)
    row = user_features(store.events, "known", cutoff=now, lag=0)
    assert row is not None
    cart = NAMES.index("cart_count")
    stored = np.array(row, dtype=np.float32).tolist()
    unknown = np.array(default_row(now), dtype=np.float32).tolist()
    assert row_of(logged[0]) == stored
    assert row_of(logged[1]) == [*stored[:cart], 9.0, *stored[cart + 1 :]]
    assert row_of(logged[2]) == [*unknown[:cart], 9.0, *unknown[cart + 1 :]]


def test_the_hour_is_that_of_now_unless_it_is_given(
    ask: Ask, store: Store, now: int, every_feature: dict[str, float], eventually: Callable[..., Any]
) -> None:
    ask("POST", "/predict", json={"user_id": "a", **every_feature})
    ask("POST", "/predict", json={"user_id": "b", **every_feature, "hour_of_day": 3})
    eventually(lambda: store.predictions.count() == 2)
    hours = {p.user_id: row_of(p)[NAMES.index("hour_of_day")] for p in store.predictions.latest(2)}
    assert hours == {"a": now // HOUR % 24, "b": 3}


def test_an_unknown_user_without_features_is_404(ask: Ask) -> None:
    answer = ask("POST", "/predict", json={"user_id": "stranger"})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_user"
    assert answer.json()["error"]["field"] == "user_id"


def test_an_hour_or_weekday_alone_tells_nothing_of_a_user(ask: Ask) -> None:
    moment = {"hour_of_day": 3, "day_of_week": 2}
    assert ask("POST", "/predict", json={"user_id": "stranger", **moment}).status_code == 404
    assert ask("POST", "/predict", json={"user_id": "known", **moment}).json()["features_from"] == "store"


def test_a_bad_or_unknown_user_of_a_batch_is_an_item_with_an_error(ask: Ask) -> None:
    users = [
        {"user_id": "known"},
        {"user_id": 5},
        {"user_id": "stranger"},
        "no object",
        {"user_id": "x", "cart": 1},
    ]
    answer = ask("POST", "/predict/batch", json={"users": users})
    assert answer.status_code == 200
    items = answer.json()["predictions"]
    assert [item["user_id"] for item in items] == ["known", None, "stranger", None, "x"]
    assert ["error" in item for item in items] == [False, True, True, True, True]
    assert [item["error"]["code"] for item in items[1:]] == ["invalid", "unknown_user", "invalid", "invalid"]


@pytest.mark.parametrize(
    ("bad", "user_id", "field"),
    [
        (rb'{"user_id": "\ud800", "cart_count": 1}', None, "user_id"),
        (rb'{"user_id": "a", "\udfff": 1}', "a", "\0"),
        (b'{"user_id": "a", "cart_count": 1e999}', "a", "cart_count"),
        (b'{"user_id": "a", "cart_count": %s}' % (b"9" * 9_000), "a", "cart_count"),
        (b'{"user_id": "\xff", "cart_count": 1}', None, None),
        (b'{"user_id": "a", "cart_count": 1, "cart_count": 2}', "a", "cart_count"),
        (b'{"user_id": "a", "user_id": "b", "cart_count": 2}', None, "user_id"),
        (rb'{"user_id": "a", "user\u005fid": "b", "cart_count": 2}', None, "user_id"),
    ],
)
def test_a_user_that_can_not_be_read_spoils_only_itself(
    ask: Ask, bad: bytes, user_id: str | None, field: str | None
) -> None:
    fine = rb'{"user_id": "\"x\" \\ud800 \ud83d\ude00", "cart_count": 3}'
    answer = ask("POST", "/predict/batch", content=b'{"users": [%s, %s]}' % (bad, fine))
    assert answer.status_code == 200, answer.text
    broken, answered = answer.json()["predictions"]
    assert (broken["user_id"], broken["error"]["code"], broken["error"]["field"]) == (
        user_id,
        "invalid",
        field,
    )
    assert answered["user_id"] == '"x" \\ud800 \N{GRINNING FACE}'


def test_users_that_are_named_twice_are_no_batch(ask: Ask) -> None:
    one = b'"users": [{"user_id": "a", "cart_count": 1}]'
    answer = ask("POST", "/predict/batch", content=b"{%s, %s}" % (one, one))
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "users")


def test_a_batch_gives_what_single_requests_give(ask: Ask) -> None:
    users = [{"user_id": "known"}, {"user_id": "known", "cart_count": 5}, {"user_id": "s", "views_24h": 9}]
    together = ask("POST", "/predict/batch", json={"users": users}).json()["predictions"]
    alone = [ask("POST", "/predict", json=user).json() for user in users]
    for one, other in zip(together, alone, strict=True):
        del one["prediction_id"], other["prediction_id"]
    assert together == alone


def test_ten_thousand_users_are_a_batch_and_one_more_is_not(ask: Ask) -> None:
    users = [{"user_id": str(number), "cart_count": number % 7} for number in range(10_000)]
    answer = ask("POST", "/predict/batch", content=json.dumps({"users": users}))
    assert answer.status_code == 200
    assert [item["user_id"] for item in answer.json()["predictions"]] == [user["user_id"] for user in users]
    assert ask("POST", "/predict/batch", json={"users": [*users, users[0]]}).status_code == 422


def test_an_empty_batch_is_answered_with_no_predictions(ask: Ask) -> None:
    assert ask("POST", "/predict/batch", json={"users": []}).json() == {"predictions": []}


def test_every_prediction_is_logged_with_where_it_came_from(
    ask: Ask, store: Store, now: int, eventually: Callable[..., Any]
) -> None:
    answers = [ask("POST", "/predict", content=BRIEF).json()]
    answers += ask("POST", "/predict/batch", content=BRIEF_BATCH).json()["predictions"]
    eventually(lambda: store.predictions.count() == 3)
    logged = sorted(store.predictions.latest(3), key=lambda prediction: prediction.sequence)
    assert [p.sequence for p in logged] == [0, 1, 2]
    assert [p.route for p in logged] == ["predict", "batch", "batch"]
    assert [p.prediction_id for p in logged] == [answer["prediction_id"] for answer in answers]
    assert [p.probability for p in logged] == [answer["probability"] for answer in answers]
    assert len({p.boot for p in logged}) == 1
    assert all(p.predicted_at == now and p.latency_us > 0 and p.pod for p in logged)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"user_id": "a", "cart_count": "3"}', "cart_count"),
        (b'{"user_id": "a", "cart_count": true}', "cart_count"),
        (b'{"user_id": "a", "cart_count": null}', "cart_count"),
        (b'{"user_id": "a", "cart_count": 2.5}', "cart_count"),
        (b'{"user_id": "a", "cart_count": -1}', "cart_count"),
        (b'{"user_id": "a", "cart_count": 1e300}', "cart_count"),
        (b'{"user_id": "a", "session_duration": 1e999}', "session_duration"),
        (b'{"user_id": "a", "hour_of_day": 24}', "hour_of_day"),
        (b'{"user_id": "a", "basket": 1}', "basket"),
        (b'{"user_id": 12345, "cart_count": 3}', "user_id"),
        (b'{"user_id": "", "cart_count": 3}', "user_id"),
        (b'{"user_id": " a", "cart_count": 3}', "user_id"),
        (b'{"user_id": "a\\n", "cart_count": 3}', "user_id"),
        (b'{"user_id": "a\\u0000", "cart_count": 3}', "user_id"),
        (b'{"user_id": "' + b"a" * 129 + b'", "cart_count": 3}', "user_id"),
        (b'{"cart_count": 3}', "user_id"),
        (b'{"user_id": "a", "cart_count": NaN}', None),
        (b'{"user_id": "a", "cart_count": Infinity}', None),
        (b'{"user_id": "a\xff", "cart_count": 3}', None),
        (b'{"user_id": "\\ud800", "cart_count": 3}', None),
        (b'{"user_id": "a", "cart_count": 1, "cart_count": 1}', "cart_count"),
        (b'{"user_id": "a", "user_id": "b", "cart_count": 1}', "user_id"),
        (rb'{"user_id": "\"", "user\u005fid": "b", "cart_count": 1}', "user_id"),
        (b'{"user_id": "a"', None),
        (b"[" * 50_000, None),
        (b'{"user_id": ' + b"[" * 50_000, "user_id"),
        (b"", None),
        (b"null", None),
        (b"[]", None),
    ],
)
def test_what_breaks_the_schema_is_422_and_names_the_field(ask: Ask, body: bytes, field: str | None) -> None:
    answer = ask("POST", "/predict", content=body)
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["code"] == "invalid"
    assert error["message"]
    assert error["field"] == field


@pytest.mark.parametrize(
    "user_id", [rb"\"a\"", rb"\"cart_count\": 3", rb"\\", rb"\u0022", b"\xc3\xa9 \\ud83d\\ude00"]
)
def test_quotes_and_escapes_in_an_id_are_no_fields(ask: Ask, user_id: bytes) -> None:
    body = b'{"user_id" : "%s", "cart\\u005fcount": 3}' % user_id
    answer = ask("POST", "/predict", content=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["user_id"] == json.loads(body)["user_id"]


def test_whole_numbers_may_be_written_as_floats(ask: Ask) -> None:
    assert ask("POST", "/predict", content=b'{"user_id": "a", "cart_count": 3.0}').status_code == 200


def test_no_value_that_a_client_sent_is_logged(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        for body in (
            b'{"user_id": "SECRET-1", "cart_count": "SECRET-2"}',
            b'{"user_id": "SECRET-3"}',
            b"SECRET-4",
        ):
            ask("POST", "/predict", content=body)
            ask("POST", "/predict/batch", content=b'{"users": [' + body + b"]}")
    assert "SECRET" not in caplog.text


def test_predictions_are_counted_by_source_version_and_probability(ask: Ask, assembly: Assembly) -> None:
    ask("POST", "/predict", content=BRIEF)
    ask("POST", "/predict", json={"user_id": "known"})
    metrics = ask("GET", "/metrics").text
    assert 'scorer_predictions_total{features_from="store",model_version="7"} 1.0' in metrics
    assert 'scorer_predictions_total{features_from="default",model_version="7"} 1.0' in metrics
    assert 'scorer_probability_count{model_version="7"} 2.0' in metrics
    assert 'scorer_requests_total{route="/predict",status="200"} 2.0' in metrics
    assert "scorer_store_lookup_seconds_count 2.0" in metrics
    digest = assembly.keeper.ready().model.bundle.digest
    assert f'scorer_model_info{{digest="{digest}",model_version="7"}} 1.0' in metrics


def unsound_model() -> bytes:
    """A linear model with an infinite weight: an empty cart times infinity is no number."""
    weights = np.zeros((len(NAMES), 1), dtype=np.float32)
    weights[NAMES.index("cart_count")] = np.inf
    nodes = [
        helper.make_node("MatMul", ["rows", "weights"], ["margin"]),
        helper.make_node("Sigmoid", ["margin"], ["buys"]),
        helper.make_node("Concat", ["buys", "buys"], ["probabilities"], axis=1),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "unsound",
            [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, len(NAMES)])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
            [numpy_helper.from_array(weights, "weights")],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    return bytes(model.SerializeToString())


def test_an_answer_that_is_no_probability_is_a_problem_of_its_own_user_and_is_not_logged(
    bundle: Bundle, settings: Settings, promote: Callable[..., None], running: Callable[..., Any], caller: Any
) -> None:
    cart = [float(name == "cart_count") for name in NAMES]
    unsound = Bundle.make(
        onnx=unsound_model(),
        document=bundle.document,
        recorded=Recorded(inputs=[cart, cart], probabilities=[1.0, 1.0]),
    )
    with open_store(settings.store_uri.get_secret_value()) as store:
        promote(store, unsound, version="7")
        with running(settings) as parts:
            parts.keeper.ready(wait_seconds=10)
            ask = caller(parts)
            single = ask("POST", "/predict", json={"user_id": "a", "cart_count": 0})
            batch = ask("POST", "/predict/batch", content=BRIEF_BATCH).json()["predictions"]
            metrics = ask("GET", "/metrics").text
        logged = store.predictions.latest(10)
    assert (single.status_code, single.json()["error"]["code"]) == (503, "model_unsound")
    assert batch[0]["probability"] == 1.0
    assert batch[1]["error"]["code"] == "model_unsound"
    assert [one.user_id for one in logged] == ["12345"]
    assert "scorer_unsound_answers_total 2.0" in metrics
