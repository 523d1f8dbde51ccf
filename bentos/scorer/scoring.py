"""From a request's bytes to an answer: the one core behind HTTP, the class and batches.

What needs no waiting is done where it is called; only a read of the store leaves the event loop.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from bentos.scorer.answers import BatchAnswer, FeaturesFrom, ItemError, PredictAnswer
from bentos.scorer.gathering import Gathering
from bentos.scorer.keeper import Keeper
from bentos.scorer.lookup import Lookup
from bentos.scorer.measures import Measures
from bentos.scorer.prediction_log import PredictionLog
from bentos.scorer.problems import Problem, unsound_model
from bentos.scorer.requests import Values, read_batch, read_single, user_of
from bentos.scorer.rows import Defaults, Stored, complete, filled, is_nothing_given
from bentos.scorer.serving import Serving
from propensity.model import TOLERANCE
from propensity.store import Prediction

_encode: Final = msgspec.json.Encoder().encode


class Asked(msgspec.Struct, gc=False):
    """One user of a request on the way to an answer."""

    user_id: str
    values: Values
    row: bytes = b""
    """Packed; empty until it is complete."""
    features_from: FeaturesFrom = "request"


class Scoring:
    """Answers requests with the model that is served."""

    def __init__(
        self,
        *,
        keeper: Keeper,
        lookup: Lookup,
        log: PredictionLog,
        measures: Measures,
        now: Callable[[], int],
        pod: str,
        boot: str,
    ) -> None:
        self._keeper = keeper
        self._lookup = lookup
        self._log = log
        self._measures = measures
        self._now = now
        self._pod = pod
        self._boot = boot
        self._sequence = itertools.count()
        self._defaults = Defaults()
        self._gathering = Gathering()

    async def predict(self, body: bytes) -> bytes:
        """Answer `POST /predict`."""
        started = time.perf_counter()
        serving = self._keeper.ready()
        cutoff = self._now()
        asked = self._read(body, serving=serving, cutoff=cutoff)
        if not asked.row:
            lag = serving.model.document.lag
            stored = await self._lookup.find(
                asked.user_id, cutoff=cutoff, lag=lag, patiently=is_nothing_given(asked.values)
            )
            self._complete(asked, stored=stored, cutoff=cutoff)
        probability = await self._gathering.probability(asked.row, serving=serving)
        record = self._record(asked, probability, serving=serving, cutoff=cutoff, started=started)
        return _encode(_answer_of(record))

    def predict_now(self, body: bytes, *, wait_seconds: float) -> PredictAnswer:
        """Answer the same, blocking, for callers of the class."""
        started = time.perf_counter()
        serving = self._keeper.ready(wait_seconds=wait_seconds)
        cutoff = self._now()
        asked = self._row_now(body, serving=serving, cutoff=cutoff)
        (probability,) = serving.probabilities([asked.row])
        return _answer_of(self._record(asked, probability, serving=serving, cutoff=cutoff, started=started))

    def complete_now(self, body: bytes) -> tuple[Asked, Serving]:
        """Return the row that would be answered now, and by what; blocking."""
        serving = self._keeper.ready()
        return self._row_now(body, serving=serving, cutoff=self._now()), serving

    def predict_batch(self, body: bytes, *, wait_seconds: float = 0.0) -> BatchAnswer:
        """Answer `POST /predict/batch`; blocking, for a thread of its own."""
        started = time.perf_counter()
        serving = self._keeper.ready(wait_seconds=wait_seconds)
        cutoff = self._now()
        items = [self._read_item(raw, serving=serving, cutoff=cutoff) for raw in read_batch(body)]
        waiting = [
            (place, item) for place, item in enumerate(items) if isinstance(item, Asked) and not item.row
        ]
        stored = self._lookup.find_many(
            [item.user_id for _, item in waiting], cutoff=cutoff, lag=serving.model.document.lag
        )
        for (place, item), found in zip(waiting, stored, strict=True):
            try:
                self._complete(item, stored=found, cutoff=cutoff)
            except Problem as problem:
                items[place] = ItemError(user_id=item.user_id, error=problem.detail)
        return BatchAnswer(self._answer_all(items, serving=serving, cutoff=cutoff, started=started))

    def _read(self, body: bytes, *, serving: Serving, cutoff: int) -> Asked:
        user_id, values = read_single(body)
        if not serving.is_told_enough(values):
            return Asked(user_id, values)
        return Asked(user_id, values, filled(values, rest=self._defaults.at(cutoff)))

    def _row_now(self, body: bytes, *, serving: Serving, cutoff: int) -> Asked:
        asked = self._read(body, serving=serving, cutoff=cutoff)
        if not asked.row:
            lag = serving.model.document.lag
            (stored,) = self._lookup.find_many([asked.user_id], cutoff=cutoff, lag=lag)
            self._complete(asked, stored=stored, cutoff=cutoff)
        return asked

    def _read_item(self, raw: bytes, *, serving: Serving, cutoff: int) -> Asked | ItemError:
        try:
            return self._read(raw, serving=serving, cutoff=cutoff)
        except Problem as problem:
            return ItemError(user_id=user_of(raw), error=problem.detail)

    def _complete(self, asked: Asked, *, stored: Stored, cutoff: int) -> None:
        asked.row, asked.features_from = complete(
            asked.values, stored=stored, defaults=self._defaults.at(cutoff)
        )

    def _answer_all(
        self,
        items: Sequence[Asked | ItemError],
        *,
        serving: Serving,
        cutoff: int,
        started: float,
    ) -> list[PredictAnswer | ItemError]:
        asked = [item for item in items if isinstance(item, Asked)]
        probabilities = serving.probabilities([item.row for item in asked]) if asked else []
        told = iter(probabilities)
        return [
            self._answer_item(item, next(told), serving=serving, cutoff=cutoff, started=started)
            if isinstance(item, Asked)
            else item
            for item in items
        ]

    def _answer_item(
        self, asked: Asked, probability: float, *, serving: Serving, cutoff: int, started: float
    ) -> PredictAnswer | ItemError:
        try:
            return _answer_of(
                self._record(
                    asked, probability, serving=serving, cutoff=cutoff, started=started, route="batch"
                )
            )
        except Problem as problem:
            return ItemError(user_id=asked.user_id, error=problem.detail)

    def _record(
        self,
        asked: Asked,
        probability: float,
        *,
        serving: Serving,
        cutoff: int,
        started: float,
        route: str = "predict",
    ) -> Prediction:
        if not 0.0 <= probability <= 1.0:
            probability = self.rounded(probability)
        document = serving.model.document
        sequence = next(self._sequence)
        prediction = int(probability >= document.threshold)
        self._measures.answer(
            serving.version, features_from=asked.features_from, prediction=prediction, probability=probability
        )
        record = Prediction(
            prediction_id=f"{self._boot}-{sequence:x}",
            user_id=asked.user_id,
            predicted_at=cutoff,
            probability=probability,
            prediction=prediction,
            threshold=document.threshold,
            model_version=serving.version,
            features_from=asked.features_from,
            feature_version=document.feature_version,
            features=asked.row,
            latency_us=int((time.perf_counter() - started) * 1e6),
            pod=self._pod,
            sequence=sequence,
            boot=self._boot,
            route=route,
        )
        self._log.add(record)
        return record

    def rounded(self, probability: float) -> float:
        """Take back what adding float32 rounds a hair out of 0 to 1; a Problem for what is no probability."""
        if not -TOLERANCE <= probability <= 1.0 + TOLERANCE:  # nor is NaN
            self._measures.unsound_answers += 1
            raise unsound_model()
        return min(1.0, max(0.0, probability))


def _answer_of(record: Prediction) -> PredictAnswer:
    return PredictAnswer(
        record.user_id,
        record.prediction,
        record.probability,
        record.threshold,
        record.model_version,
        record.prediction_id,
        record.features_from,  # type: ignore[arg-type]
    )
