"""From a probability to an answer and its record: one writes down what the other says."""

import itertools
import time
from typing import Final, NamedTuple

import msgspec

from bentos.scorer.answers import FeaturesFrom, PredictAnswer
from bentos.scorer.measures import Measures
from bentos.scorer.prediction_log import PredictionLog
from bentos.scorer.problems import unsound_model
from bentos.scorer.requests import Values
from propensity.model import TOLERANCE
from propensity.store import Arm, Prediction

_PLAIN: Final = msgspec.UNSET


class By(NamedTuple):
    """What an answer says of the version that gave it."""

    version: str
    threshold: float
    feature_version: int


class Asked(msgspec.Struct, gc=False):
    """One user of a request on the way to an answer."""

    user_id: str
    values: Values
    row: bytes = b""
    """Packed; empty until it is complete."""
    features_from: FeaturesFrom = "request"


class Recording:
    """Counts answers, numbers them, and puts their records into the log."""

    def __init__(self, log: PredictionLog, *, measures: Measures, pod: str, boot: str) -> None:
        self._log = log
        self._measures = measures
        self._pod = pod
        self._boot = boot
        self._sequence = itertools.count()

    def add(
        self,
        asked: Asked,
        probability: float,
        *,
        by: By,
        cutoff: int,
        started: float,
        route: str = "predict",
        arm: Arm | None = None,
    ) -> Prediction:
        """Record an answer and return the record; a Problem for what is no probability."""
        if not 0.0 <= probability <= 1.0:
            probability = self.rounded(probability)
        version, threshold, feature_version = by
        sequence = next(self._sequence)
        prediction = int(probability >= threshold)
        self._measures.answer(
            version, features_from=asked.features_from, prediction=prediction, probability=probability
        )
        record = Prediction(
            prediction_id=f"{self._boot}-{sequence:x}",
            user_id=asked.user_id,
            predicted_at=cutoff,
            probability=probability,
            prediction=prediction,
            threshold=threshold,
            model_version=version,
            features_from=asked.features_from,
            feature_version=feature_version,
            features=asked.row,
            latency_us=int((time.perf_counter() - started) * 1e6),
            pod=self._pod,
            sequence=sequence,
            boot=self._boot,
            route=route,
            arm=arm,
        )
        self._log.add(record)
        return record

    def rounded(self, probability: float) -> float:
        """Take back what adding float32 rounds a hair out of 0 to 1; a Problem for what is no probability."""
        if not -TOLERANCE <= probability <= 1.0 + TOLERANCE:  # nor is NaN
            self._measures.unsound_answers += 1
            raise unsound_model()
        return min(1.0, max(0.0, probability))


def answer_of(record: Prediction) -> PredictAnswer:
    """Return what the client is told of a record."""
    return PredictAnswer(
        record.user_id,
        record.prediction,
        record.probability,
        record.threshold,
        record.model_version,
        record.prediction_id,
        record.features_from,  # type: ignore[arg-type]
        record.arm or _PLAIN,  # type: ignore[arg-type]
    )
