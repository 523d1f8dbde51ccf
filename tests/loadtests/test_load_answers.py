"""What load tests take for a right answer, and what they do not."""

from typing import Any

import pytest

from loadtests.answers import error_of, events_taken, prediction_of, predictions_of

RIGHT: dict[str, Any] = {
    "user_id": "ann",
    "prediction": 1,
    "probability": 0.4,
    "threshold": 0.4,
    "model_version": "7",
    "prediction_id": "a-0",
    "features_from": "request",
}


def test_a_right_prediction_is_right() -> None:
    assert not prediction_of("ann")(RIGHT)
    assert not prediction_of("ann")(RIGHT | {"probability": 0.39, "prediction": 0})


@pytest.mark.parametrize(
    "wrong",
    [
        {"user_id": "bob"},
        {"prediction": 0},
        {"probability": None},
        {"probability": float("nan")},
        {"probability": 1.1},
        {"features_from": "thin air"},
        {"prediction_id": ""},
        {"model_version": ""},
        {"extra": 1},
    ],
    ids=str,
)
def test_a_prediction_that_is_wrong_in_one_field_is_wrong(wrong: dict[str, Any]) -> None:
    assert prediction_of("ann")(RIGHT | wrong)
    assert predictions_of(["ann"])({"predictions": [RIGHT | wrong]})


@pytest.mark.parametrize("answer", [[], None, {}, "200", {"error": {}}])
def test_what_is_no_prediction_is_wrong_and_breaks_nothing(answer: Any) -> None:
    for check in (prediction_of("ann"), predictions_of(["ann"]), error_of("invalid")):
        assert check(answer)
    assert events_taken(accepted=1, unchanged=0)(answer)


def test_a_batch_is_answered_whole_in_order_and_each_user_once() -> None:
    ann, bob = RIGHT, RIGHT | {"user_id": "bob", "prediction_id": "a-1"}
    check = predictions_of(["ann", "bob"])
    assert not check({"predictions": [ann, bob]})
    assert check({"predictions": [bob, ann]}) == "the prediction is of another user"
    assert check({"predictions": [ann]}) == "the batch has more or fewer answers than users"
    assert check({"predictions": [ann, bob | {"prediction_id": "a-0"}]}) == "two predictions have the same id"
    assert check({"predictions": [ann, {"user_id": "bob", "error": {}}]}) == "the prediction has other fields"


def test_a_refusal_says_why_in_the_one_shape() -> None:
    detail = {"code": "invalid", "message": "No.", "field": None}
    assert not error_of("invalid")({"error": detail})
    assert error_of("unknown_user")({"error": detail})
    assert error_of("invalid")({"error": detail | {"message": ""}})
    assert error_of("invalid")({"error": {"code": "invalid"}})


def test_an_event_is_taken_as_often_as_it_was_new() -> None:
    first = {"accepted": 1, "unchanged": 0, "refused": []}
    assert not events_taken(accepted=1, unchanged=0)(first)
    assert events_taken(accepted=0, unchanged=1)(first)
    assert events_taken(accepted=1, unchanged=0)(first | {"refused": [{"reason": "conflict"}]})
