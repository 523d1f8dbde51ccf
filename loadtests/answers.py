"""What a right answer says: the status alone would let a service pass that answers for the wrong user, or for nobody.

Each function returns what is wrong as a constant sentence, or nothing: the report counts failures by their sentence.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

Check = Callable[[Any], str]

PREDICTION: Final = {
    "user_id",
    "prediction",
    "probability",
    "threshold",
    "model_version",
    "prediction_id",
    "features_from",
}


def prediction_of(user_id: str) -> Check:
    """Return the check of one user's prediction."""
    return lambda answer: wrong_prediction(answer, user_id=user_id)


def predictions_of(user_ids: Sequence[str]) -> Check:
    """Return the check of a batch's answer: one prediction each, in the order asked, no two with the same id."""

    def check(answer: Any) -> str:
        items = answer.get("predictions", ()) if isinstance(answer, dict) else ()
        if len(items) != len(user_ids):
            return "the batch has more or fewer answers than users"
        wrong = [wrong_prediction(item, user_id=asked) for item, asked in zip(items, user_ids, strict=True)]
        if not any(wrong) and len({item["prediction_id"] for item in items}) < len(items):
            return "two predictions have the same id"
        return next(filter(None, wrong), "")

    return check


def error_of(code: str) -> Check:
    """Return the check of a refusal: the one shape there is, with this code and a sentence."""

    def check(answer: Any) -> str:
        error = answer.get("error") if isinstance(answer, dict) else None
        if not isinstance(error, dict) or set(error) != {"code", "message", "field"}:
            return "the refusal has another shape"
        return "" if error["code"] == code and error["message"] else f"the refusal's code is not {code}"

    return check


def events_taken(*, accepted: int, unchanged: int) -> Check:
    """Return the check of an answer to events, none of them refused."""
    wanted = {"accepted": accepted, "unchanged": unchanged, "refused": []}
    return lambda answer: (
        "" if answer == wanted else f"the events are not {accepted} new and {unchanged} known"
    )


def wrong_prediction(answer: Any, *, user_id: str) -> str:
    """Return what is wrong with one user's prediction."""
    if not isinstance(answer, dict) or set(answer) != PREDICTION:
        return "the prediction has other fields"
    probability, threshold = answer["probability"], answer["threshold"]
    if not all(isinstance(number, int | float) and 0 <= number <= 1 for number in (probability, threshold)):
        return "the probability is none"
    found = (
        (answer["user_id"] != user_id, "the prediction is of another user"),
        (
            answer["prediction"] != int(probability >= threshold),
            "the prediction is not what its threshold says",
        ),
        (
            answer["features_from"] not in {"request", "store", "mixed", "default"},
            "the features are from nowhere",
        ),
        (not answer["prediction_id"] or not answer["model_version"], "the prediction has no id or version"),
    )
    return next((sentence for is_wrong, sentence in found if is_wrong), "")
