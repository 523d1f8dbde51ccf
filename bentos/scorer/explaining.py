"""Why a user got this answer: `POST /explain`, off the hot path.

An explanation costs a hundred predictions, so it has one thread, a short queue and a scope of its own. Reading the model
for it costs a second and some memory: that is done when somebody first asks, for each model served. A challenger is
not explained: its files are read nowhere but in its own process. Who is on its side is told so.
"""

import threading
from typing import Final

import msgspec
import numpy as np

from bentos.scorer.answers import ExplainAnswer
from bentos.scorer.problems import Problem
from bentos.scorer.scoring import Scoring
from bentos.scorer.serving import Serving
from propensity.errors import NoExplanation
from propensity.explanation import Explainer

THREADS: Final = 1
WAITING: Final = 8
"""Requests in line, the one in work included; the next is told to come again."""


class Explaining:
    """Explains what the model that is served would answer now; nothing of it is logged as an answer."""

    def __init__(self, scoring: Scoring) -> None:
        self._scoring = scoring
        self._lock = threading.Lock()
        self._serving: Serving | None = None
        self._explainer: Explainer | None = None

    def explain(self, body: bytes) -> ExplainAnswer:
        """Answer `POST /explain`; blocking, for a thread of its own."""
        asked, serving = self._scoring.complete_now(body)
        explainer = self._explainer_of(serving)
        row = np.frombuffer(asked.row, dtype="<f4")[serving.columns]
        found = explainer.explain(row)
        probability = self._scoring.recording.rounded(found.probability)
        threshold = serving.model.document.threshold
        arm, by = self._scoring.side_of(asked.user_id, serving=serving) or (msgspec.UNSET, msgspec.UNSET)
        return ExplainAnswer(
            user_id=asked.user_id,
            prediction=int(probability >= threshold),
            probability=probability,
            threshold=threshold,
            model_version=serving.version,
            features_from=asked.features_from,
            unit=found.unit,
            base=found.base,
            raw=found.raw,
            contributions=found.contributions,
            arm=arm,
            answered_by=by,
        )

    def _explainer_of(self, serving: Serving) -> Explainer:
        with self._lock:
            if self._serving is not serving or self._explainer is None:
                self._explainer = None  # the old one's memory first
                try:
                    self._explainer = Explainer(serving.model)
                except NoExplanation as error:
                    raise Problem(str(error), status=409, code="no_explanation") from error
                self._serving = serving
            return self._explainer
