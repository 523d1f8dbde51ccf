"""What a store does with what was said of users and what came of it: predictions, scores, outcomes, contacts."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from propensity.store.experiments import Arm
from propensity.store.findings import Outcome
from propensity.store.records import (
    Contact,
    Prediction,
    Ranked,
    Score,
    TargetList,
    Timed,
)


class PredictionStore(Protocol):
    """What the service answered."""

    def add(self, predictions: Sequence[Prediction]) -> int:
        """Store predictions; one with a known prediction_id changes nothing. Return how many were new."""

    def latest(self, limit: int) -> list[Prediction]:
        """Return the newest by predicted_at, then prediction_id, descending."""

    def count(self) -> int:
        """Count them all."""

    def histogram(self, *, since: int, until: int, width: int) -> list[int]:
        """Count answers in each stretch of `width` microseconds from `since`; the last one ends at `until`."""

    def times(self, *, since: int, until: int, width: int, limit: int) -> list[Timed]:
        """Return the stretches of `width` in which requests of one user were answered, each with its newest `limit` times.

        A batch is left out: each of its answers has the time of all of them. Read from an index alone.
        """

    def of_arm(self, arm: Arm, *, since: int, limit: int) -> list[Prediction]:
        """Return the newest of an experiment's arm with predicted_at >= since, ordered as `latest`."""

    def first_answers(self, arm: Arm, *, since: int, until: int) -> dict[str, int]:
        """Return when each user of an arm was first answered with `since <= predicted_at < until`; one pass over the arm."""


class ScoreStore(Protocol):
    """The champion's answers for all active users at fixed cutoffs; one per (user, cutoff), the first one stays."""

    def add(self, scores: Iterable[Score]) -> int:
        """Store scores; one whose (user, cutoff) is there changes nothing. Return how many were new."""

    def cutoffs(self, limit: int) -> list[int]:
        """Return the newest cutoffs that have scores, descending."""

    def finish(self, cutoff: int) -> None:
        """Say that everybody active at a cutoff is scored; to say it again changes nothing."""

    def finished(self, limit: int) -> list[int]:
        """Return the newest cutoffs of which that was said, descending: others may be half written."""

    def top(self, cutoff: int, limit: int) -> list[Score]:
        """Return the scores of a cutoff by probability descending, then user_id ascending."""

    def ranked(self, cutoff: int, *, chunk_rows: int = ...) -> Iterator[list[Ranked]]:
        """Yield who was scored at a cutoff, in the order of `top`, in chunks: read from the index alone."""

    def scan(self, cutoff: int, *, chunk_rows: int = ...) -> Iterator[list[Score]]:
        """Yield the scores of a cutoff by user_id, in chunks."""

    def count(self, cutoff: int) -> int:
        """Count the users scored at a cutoff."""

    def of_users(self, cutoff: int, user_ids: Sequence[str]) -> list[Score]:
        """Return those of the users who were scored at a cutoff, by user_id; at most some thousands are asked for."""

    def tally(self, cutoff: int, edges: Sequence[float]) -> list[int]:
        """Count users with `edges[i] <= probability < edges[i + 1]`; the last one is open. Edges ascend."""


class OutcomeStore(Protocol):
    """Whether scored users bought; one per (user, cutoff), the first one stays but for one correction."""

    def add(self, outcomes: Iterable[Outcome]) -> int:
        """Store outcomes; one whose (user, cutoff) is there changes nothing. Return how many were new."""

    def correct(self, cutoff: int, user_ids: Iterable[str], *, at: int) -> int:
        """Set those of a cutoff whose label is 0 to 1, noting when; return how many there were. Again changes nothing."""

    def cutoffs(self, *, since: int, until: int) -> dict[int, int]:
        """Count outcomes by cutoff, for `since <= cutoff < until`, ascending."""

    def scan(self, cutoff: int, *, chunk_rows: int = ...) -> Iterator[list[Outcome]]:
        """Yield the outcomes of a cutoff by user_id, in chunks."""

    def tally(
        self, cutoff: int, edges: Sequence[float], *, users: Sequence[str] | None = ...
    ) -> list[tuple[int, int]]:
        """Count outcomes, and the buyers among them, with `edges[i] <= probability < edges[i + 1]`; the last one is open.

        Edges ascend. Of all users, one pass over the cutoff; or of some thousands of named ones.
        """


class ContactStore(Protocol):
    """Who was put on which target list, in which arm; one per (list, user), the first one stays."""

    def add_list(self, target_list: TargetList) -> bool:
        """Store what a list is; False where its list_id is there, which changes nothing."""

    def get_list(self, list_id: str) -> TargetList | None:
        """Return one list's record."""

    def lists(self, limit: int) -> list[TargetList]:
        """Return the newest by created_at, then list_id, descending."""

    def add(self, contacts: Iterable[Contact]) -> int:
        """Store contacts; one whose (list, user) is there changes nothing. Return how many were new."""

    def scan(self, list_id: str, *, chunk_rows: int = ...) -> Iterator[list[Contact]]:
        """Yield a list's contacts by user_id, in chunks."""

    def users(self, arm: str, *, since: int, until: int) -> set[str]:
        """Return the users who were listed in an arm with `since <= listed_at < until`."""
