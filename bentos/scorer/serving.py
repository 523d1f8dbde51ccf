"""A model as it is served, with the version it answers for and what the gate said of it."""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from operator import itemgetter

import msgspec
import numpy as np
from numpy.typing import NDArray

from bentos.scorer.answers import ModelAnswer
from bentos.scorer.recording import By
from bentos.scorer.requests import Values
from bentos.scorer.rows import ABOUT_USER, is_whole
from propensity.events.event import MICROS
from propensity.features.definition import FEATURES, NAMES
from propensity.model import Model


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A version, its model, and what the gate said of it."""

    version: str
    model: Model
    alias: str | None = None
    verdict: str | None = None

    @property
    def reference(self) -> str:
        """`version@sha256:…`."""
        return f"{self.version}@{self.model.bundle.digest}"

    @cached_property
    def by(self) -> By:
        """What its answers say of it."""
        document = self.model.document
        return By(self.version, document.threshold, document.feature_version)

    @property
    def lag(self) -> int:
        """Microseconds after which a back-filled event counts as known to it."""
        return self.model.document.lag

    @cached_property
    def columns(self) -> NDArray[np.intp]:
        """Where the model's features stand in a row."""
        return np.array([NAMES.index(name) for name in self.model.document.features])

    @cached_property
    def takes_all(self) -> bool:
        """Whether the model's features are the row as it is."""
        return tuple(self.model.document.features) == NAMES

    @cached_property
    def _needed(self) -> Callable[[Values], Iterable[float]]:
        used = set(self.columns.tolist())
        places = [place for place in ABOUT_USER if place in used] or list(ABOUT_USER)
        # Named twice, because an itemgetter of one item returns no tuple.
        return itemgetter(*places * 2)

    def is_told_enough(self, values: Values) -> bool:
        """Whether the request gave every value about the user that the model looks at: a sum with NaN is NaN."""
        return is_whole(values) or not isnan(sum(self._needed(values)))

    def probabilities(self, rows: Sequence[bytes]) -> list[float]:
        """Return the answers for packed rows in the order of NAMES."""
        table = np.frombuffer(b"".join(rows), dtype="<f4").reshape(-1, len(NAMES))
        answers: list[float] = self.model.probabilities(
            table if self.takes_all else table[:, self.columns]
        ).tolist()
        return answers

    @property
    def answer(self) -> ModelAnswer:
        """What `GET /model` says."""
        document = self.model.document
        trained_at = dt.datetime.fromtimestamp(document.trained_at / MICROS, tz=dt.UTC)
        described = {feature.name: feature for feature in FEATURES}
        return ModelAnswer(
            version=self.version,
            digest=self.model.bundle.digest,
            alias=self.alias,
            verdict=self.verdict,
            threshold=document.threshold,
            metrics={name: msgspec.structs.asdict(value) for name, value in document.metrics.items()},
            features=[
                {"name": name, "description": described[name].description, "unit": described[name].unit}
                for name in document.features
            ],
            feature_version=document.feature_version,
            estimator=document.estimator,
            calibration=document.calibration,
            expected_recall=document.expected_recall,
            warnings=document.warnings,
            trained_at=trained_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        )
