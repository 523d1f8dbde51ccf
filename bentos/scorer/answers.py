"""What the service answers, as types: the encoder, the OpenAPI document and the tests read the same ones."""

from typing import Any, Literal

import msgspec

from bentos.scorer.problems import ErrorDetail
from propensity.explanation import Contribution
from propensity.store import Arm

FeaturesFrom = Literal["request", "store", "mixed", "default"]


class PredictAnswer(msgspec.Struct, frozen=True, gc=False):
    """One user's answer."""

    user_id: str
    prediction: int
    """1 where the probability is at or above the threshold."""
    probability: float
    """That the user buys within 24 hours."""
    threshold: float
    model_version: str
    prediction_id: str
    features_from: FeaturesFrom
    """All from the request; all from the store; mixed of both; or given ones completed by the declared defaults."""
    arm: Arm | msgspec.UnsetType = msgspec.UNSET
    """The user's side, while an experiment splits users; `model_version` says who answered."""


class ExplainAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What each feature did to one user's answer: base + all contributions = raw, which the model then calibrates."""

    user_id: str
    prediction: int
    probability: float
    threshold: float
    model_version: str
    features_from: FeaturesFrom
    unit: str
    """Of base, raw and contributions: `share of votes` or `log-odds`."""
    base: float
    """The raw output averaged over the training rows."""
    raw: float
    contributions: list[Contribution]
    """The weightiest first."""
    arm: Arm | msgspec.UnsetType = msgspec.UNSET
    """The user's side, while an experiment splits users. What is explained is the champion's answer on either side."""
    answered_by: str | msgspec.UnsetType = msgspec.UNSET
    """The version that answers this user's predictions, while an experiment splits users: not the one explained, where it
    is not `model_version`."""


class ItemError(msgspec.Struct, frozen=True):
    """A user of a batch who could not be answered."""

    user_id: str | None
    error: ErrorDetail


class BatchAnswer(msgspec.Struct, frozen=True):
    """Answers in the order asked."""

    predictions: list[PredictAnswer | ItemError] = []


class RefusedEvent(msgspec.Struct, frozen=True):
    """An event that was not stored, and why."""

    index: int
    event_id: str | None
    reason: str
    message: str


class EventsAnswer(msgspec.Struct, frozen=True):
    """What became of the events: all that are not refused are stored durably."""

    accepted: int
    unchanged: int
    """Stored before with the same content."""
    refused: list[RefusedEvent]


class ModelAnswer(msgspec.Struct, frozen=True):
    """Which model answers, how good it was on its test days, and what it looks at."""

    version: str
    digest: str
    alias: str | None
    """`production` where the store's champion is served."""
    verdict: str | None
    """The gate's word."""
    threshold: float
    metrics: dict[str, dict[str, float]]
    features: list[dict[str, Any]]
    feature_version: int
    estimator: str
    calibration: str
    expected_recall: float
    warnings: list[str]
    trained_at: str
    """ISO 8601, UTC."""


class ForgetAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased of a user, and what stays."""

    forgotten_as: str
    """The mark that the ledger knows the user by from now on; it is not the id."""
    found: dict[str, int]
    """Documents erased, by collection; empty where there were none, or none any more."""
    model_versions: list[str]
    """Versions that may have been trained with this user, newest first; they stay."""
    trainings_under_way: list[int]
    """Trainings that may have read the user's events and have no version yet: ask again when they have ended."""
    model_versions_untold: list[str]
    """Versions of which nobody can tell, because events that they were trained with are no longer kept."""
    ledger_entry: int
    pods_within_seconds: int
    """Within which every pod that reaches the store has cleared what waits on its disk."""


class StatusAnswer(msgspec.Struct, frozen=True):
    """A probe's answer."""

    status: str
    model_version: str | None = None
