"""An experiment as one pod takes part in it: which side a user is on, and what the challenger says.

Without an experiment there is no contest, and a request looks at one attribute more.
"""

from collections.abc import Sequence
from math import isnan

from bentos.scorer.challenger.questions import Answers, Questions
from bentos.scorer.challenger.shadows import Shadows
from bentos.scorer.challenger.tally import Tally
from bentos.scorer.recording import Asked, By
from bentos.scorer.requests import Values
from bentos.scorer.rows import is_whole
from bentos.scorer.serving import Serving
from propensity.bundle import ModelDocument
from propensity.experiment.split import CHALLENGER, CHAMPION, ExperimentSplit
from propensity.features.definition import FEATURES, NAMES
from propensity.store import Arm, Experiment, Prediction


class Contest:
    """Champion and challenger side by side, for as long as the experiment is on and the pod serves that champion."""

    def __init__(
        self,
        experiment: Experiment,
        *,
        serving: Serving,
        by: By,
        document: ModelDocument,
        tally: Tally,
        answering: Shadows | Questions,
    ) -> None:
        self.serving = serving
        """The champion."""
        self.by = by
        self.tally = tally
        self._answering = answering
        self._places = [
            place
            for place, feature in enumerate(FEATURES)
            if feature.window != "cutoff" and NAMES[place] in document.features
        ]
        self.take_over(experiment)

    def take_over(self, experiment: Experiment) -> None:
        """Go on with what the operator has changed of the experiment: its share."""
        split = ExperimentSplit(share=experiment.share, seed=experiment.seed)
        self.experiment = experiment
        self._split = None if experiment.mode == "shadow" else split

    def arm_of(self, user_id: str) -> Arm | None:
        """Return the side a user is on; None where users are not split, or the challenger has not started yet."""
        split = self._split
        if split is None or not self.tally.started:
            return None
        return CHALLENGER if split.side(user_id) == CHALLENGER else CHAMPION

    def is_told_enough(self, values: Values) -> bool:
        """Whether the request gave all that both models look at; for a shadow the store is not asked for more."""
        is_enough = self.serving.is_told_enough(values)
        return is_enough and (self._split is None or self._is_told_enough(values))

    async def probability(self, row: bytes) -> float | None:
        """Return the challenger's answer to a row; None where the champion has to answer."""
        found = None
        if isinstance(self._answering, Questions):
            found = await self._answering.answer(row)
        self.tally.fallbacks += found is None
        return found

    def probabilities(self, rows: Sequence[bytes]) -> Answers:
        """Return the same for many rows, blocking."""
        found: Answers = [None] * len(rows)
        if rows and isinstance(self._answering, Questions):
            found = self._answering.answers(rows)
        self.tally.fallbacks += found.count(None)
        return found

    def copy(self, asked: Asked, answer: Prediction) -> None:
        """Let a shadow answer the same, later; a row that lacks what it looks at is left out."""
        if not isinstance(self._answering, Shadows):
            return
        if asked.features_from == "request" and not self._is_told_enough(asked.values):
            self.tally.dropped += 1
        else:
            self._answering.add(answer)

    def close(self) -> None:
        """End the challenger's process."""
        self._answering.close()

    def _is_told_enough(self, values: Values) -> bool:
        return is_whole(values) or not any(isnan(values[place]) for place in self._places)
