"""From a request's bytes to an answer: the one core behind HTTP, the class and batches.

What needs no waiting is done where it is called; only a read of the store leaves the event loop.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from bentos.scorer.answers import BatchAnswer, ItemError, PredictAnswer
from bentos.scorer.contest import Contest
from bentos.scorer.contests import Contests
from bentos.scorer.gathering import Gathering
from bentos.scorer.keeper import Keeper
from bentos.scorer.lookup import Lookup
from bentos.scorer.problems import Problem
from bentos.scorer.recording import Asked, By, Recording, answer_of
from bentos.scorer.requests import read_batch, read_single, user_of
from bentos.scorer.rows import Defaults, Stored, complete, filled, is_nothing_given
from bentos.scorer.serving import Serving
from propensity.experiment.split import CHALLENGER
from propensity.store import Arm

_encode: Final = msgspec.json.Encoder().encode


class Said(NamedTuple):
    """What was answered for a user, by which version, in which arm of an experiment."""

    probability: float
    by: By
    arm: Arm | None


class Scoring:
    """Answers requests with the model that is served."""

    def __init__(
        self,
        *,
        keeper: Keeper,
        lookup: Lookup,
        contests: Contests,
        recording: Recording,
        now: Callable[[], int],
    ) -> None:
        self._keeper = keeper
        self._lookup = lookup
        self._contests = contests
        self.recording = recording
        self._now = now
        self._defaults = Defaults()
        self._gathering = Gathering()

    async def predict(self, body: bytes) -> bytes:
        """Answer `POST /predict`."""
        started = time.perf_counter()
        serving = self._keeper.ready()
        contest = self._contests.current
        cutoff = self._now()
        asked = self._read(body, model=contest or serving, cutoff=cutoff)
        if not asked.row:
            stored = await self._lookup.find(
                asked.user_id, cutoff=cutoff, lag=serving.lag, patiently=is_nothing_given(asked.values)
            )
            self._complete(asked, stored=stored, cutoff=cutoff)
        if contest is not None and contest.serving is serving:
            return await self._contend(asked, contest, cutoff=cutoff, started=started)
        probability = await self._gathering.probability(asked.row, serving=serving)
        record = self.recording.add(asked, probability, by=serving.by, cutoff=cutoff, started=started)
        return _encode(answer_of(record))

    async def _contend(self, asked: Asked, contest: Contest, *, cutoff: int, started: float) -> bytes:
        """Answer a user during an experiment."""
        arm, by = contest.arm_of(asked.user_id), contest.by
        probability = await contest.probability(asked.row) if arm == CHALLENGER else None
        if probability is None:
            by = contest.serving.by
            probability = await self._gathering.probability(asked.row, serving=contest.serving)
        record = self.recording.add(asked, probability, by=by, cutoff=cutoff, started=started, arm=arm)
        contest.copy(asked, record)
        return _encode(answer_of(record))

    def predict_now(self, body: bytes, *, wait_seconds: float) -> PredictAnswer:
        """Answer the same, blocking, for callers of the class."""
        started = time.perf_counter()
        serving = self._keeper.ready(wait_seconds=wait_seconds)
        contest = self._contest(serving)
        cutoff = self._now()
        asked = self._row_now(body, model=contest or serving, lag=serving.lag, cutoff=cutoff)
        (said,) = _say([asked], serving=serving, contest=contest)
        return self._told(asked, said, contest=contest, cutoff=cutoff, started=started)

    def complete_now(self, body: bytes) -> tuple[Asked, Serving]:
        """Return the row that would be answered now, and by what; blocking."""
        serving = self._keeper.ready()
        return self._row_now(body, model=serving, lag=serving.lag, cutoff=self._now()), serving

    def side_of(self, user_id: str, *, serving: Serving) -> tuple[Arm, str] | None:
        """Return a user's arm and the version that answers there; None while no experiment splits users."""
        contest = self._contest(serving)
        arm = contest.arm_of(user_id) if contest else None
        if contest is None or arm is None:
            return None
        return arm, contest.by.version if arm == CHALLENGER else serving.version

    def predict_batch(self, body: bytes, *, wait_seconds: float = 0.0) -> BatchAnswer:
        """Answer `POST /predict/batch`; blocking, for a thread of its own."""
        started = time.perf_counter()
        serving = self._keeper.ready(wait_seconds=wait_seconds)
        contest = self._contest(serving)
        cutoff = self._now()
        items = [self._read_item(raw, model=contest or serving, cutoff=cutoff) for raw in read_batch(body)]
        waiting = [
            (place, item) for place, item in enumerate(items) if isinstance(item, Asked) and not item.row
        ]
        stored = self._lookup.find_many([item.user_id for _, item in waiting], cutoff=cutoff, lag=serving.lag)
        for (place, item), found in zip(waiting, stored, strict=True):
            try:
                self._complete(item, stored=found, cutoff=cutoff)
            except Problem as problem:
                items[place] = ItemError(user_id=item.user_id, error=problem.detail)
        asked = [item for item in items if isinstance(item, Asked)]
        said = iter(_say(asked, serving=serving, contest=contest))
        return BatchAnswer(
            [
                self._told_item(item, next(said), contest=contest, cutoff=cutoff, started=started)
                if isinstance(item, Asked)
                else item
                for item in items
            ]
        )

    def _contest(self, serving: Serving) -> Contest | None:
        contest = self._contests.current
        return contest if contest is not None and contest.serving is serving else None

    def _read(self, body: bytes, *, model: Serving | Contest, cutoff: int) -> Asked:
        user_id, values = read_single(body)
        if not model.is_told_enough(values):
            return Asked(user_id, values)
        return Asked(user_id, values, filled(values, rest=self._defaults.at(cutoff)))

    def _row_now(self, body: bytes, *, model: Serving | Contest, lag: int, cutoff: int) -> Asked:
        asked = self._read(body, model=model, cutoff=cutoff)
        if not asked.row:
            (stored,) = self._lookup.find_many([asked.user_id], cutoff=cutoff, lag=lag)
            self._complete(asked, stored=stored, cutoff=cutoff)
        return asked

    def _read_item(self, raw: bytes, *, model: Serving | Contest, cutoff: int) -> Asked | ItemError:
        try:
            return self._read(raw, model=model, cutoff=cutoff)
        except Problem as problem:
            return ItemError(user_id=user_of(raw), error=problem.detail)

    def _complete(self, asked: Asked, *, stored: Stored, cutoff: int) -> None:
        asked.row, asked.features_from = complete(
            asked.values, stored=stored, defaults=self._defaults.at(cutoff)
        )

    def _told(
        self,
        asked: Asked,
        said: Said,
        *,
        contest: Contest | None,
        cutoff: int,
        started: float,
        route: str = "predict",
    ) -> PredictAnswer:
        probability, by, arm = said
        record = self.recording.add(
            asked, probability, by=by, cutoff=cutoff, started=started, route=route, arm=arm
        )
        if contest is not None:
            contest.copy(asked, record)
        return answer_of(record)

    def _told_item(
        self, asked: Asked, said: Said, *, contest: Contest | None, cutoff: int, started: float
    ) -> PredictAnswer | ItemError:
        try:
            return self._told(asked, said, contest=contest, cutoff=cutoff, started=started, route="batch")
        except Problem as problem:
            return ItemError(user_id=asked.user_id, error=problem.detail)


def _say(asked: Sequence[Asked], *, serving: Serving, contest: Contest | None) -> list[Said]:
    """Let each user be answered by the model of the user's side; by the champion where the other one does not."""
    arms = [contest.arm_of(one.user_id) if contest else None for one in asked]
    challenged = [one.row for one, arm in zip(asked, arms, strict=True) if arm == CHALLENGER]
    found = iter(contest.probabilities(challenged) if contest else [])
    answers = [next(found) if arm == CHALLENGER else None for arm in arms]
    left = [one.row for one, answer in zip(asked, answers, strict=True) if answer is None]
    rest = iter(serving.probabilities(left) if left else [])
    return [
        Said(next(rest), serving.by, arm)
        if answer is None or contest is None
        else Said(answer, contest.by, arm)
        for answer, arm in zip(answers, arms, strict=True)
    ]
