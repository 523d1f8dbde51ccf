"""What every store can do; the contract tests in tests/store hold SQLite and MongoDB to it.

Every write is idempotent by a key, every read names its order and its bound. Methods raise StoreUnavailable when the
outside system fails them, and nothing else of that system's exceptions.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, Self

from propensity.events import Event, Refusal
from propensity.store.experiments import Arm, Experiment, Trial
from propensity.store.findings import MonitorWindow, Outcome
from propensity.store.forgotten import Forgotten, Tombstone
from propensity.store.records import (
    Added,
    Champion,
    Contact,
    EventSummary,
    EventText,
    IngestRecord,
    LedgerEntry,
    Prediction,
    Ranked,
    Score,
    TargetList,
    UserRange,
)
from propensity.store.retention import Kept


class EventStore(Protocol):
    """What users did."""

    def add(self, events: Iterable[Event]) -> Added:
        """Store events durably; the same id twice changes nothing, with other content it is a conflict.

        Those of users who are forgotten are left out.
        Written in batches of bounded size; safe with several processes adding at once. Events must be valid.
        """

    def conflicting(self, events: Iterable[Event]) -> list[Event]:
        """Return those of the events whose id is stored with other content, in order; writes nothing.

        Only what is stored counts: two events given here may still be a conflict of each other.
        """

    def of_user(self, user_id: str, *, since: int, until: int, lag: int, limit: int) -> list[Event]:
        """Return one user's events with `since <= event_time < until` that were known at `until`, newest first.

        Known: `ingested_at <= until`, or without one `event_time + lag <= until`. Order: event_time, then event_id,
        both descending; at most `limit`. One indexed read.
        """

    def knows(self, user_id: str) -> bool:
        """Whether any event of this user is stored."""

    def scan(
        self,
        *,
        since: int,
        until: int,
        users: UserRange = ...,
        event_type: str | None = ...,
        chunk_rows: int = ...,
    ) -> Iterator[list[Event]]:
        """Yield events (of one type, where named) with `since <= event_time < until`, ordered by (user_id, event_time, event_id), in chunks.

        A user is never split over two chunks; a chunk holds about `chunk_rows` events, so memory is bounded by that
        and by the busiest user.
        """

    def scan_text(
        self, *, since: int, until: int, users: UserRange = ..., chunk_rows: int = ...
    ) -> Iterator[EventText]:
        """Yield what `scan` does as delimited text, without ids of events and sessions: see `events.text`.

        For readers that turn millions of events into columns: an object for each would take longer than all else.
        Costs what the window holds and a step for each user, whatever the history before it.
        """

    def user_ranges(self, count: int) -> list[UserRange]:
        """Split all users into at most `count` ranges of about equal size, covering everyone once."""

    def summary(self) -> EventSummary:
        """Count the events and say what time they span.

        Cheap enough for every request of a page: MongoDB takes the count from the collection's own book-keeping,
        which on a sharded one may count events twice while they move. Nothing is decided by the last digit of it.
        """

    def time_at_rank(self, rank: int, *, newest: bool = False) -> int | None:
        """Return the event_time with `rank` events before it (`newest`: after it); None beyond the last.

        One step along an index on MongoDB for each rank, one pass over the events on SQLite.
        """

    def count_before(self, time: int) -> int:
        """Count the events with event_time < time: on MongoDB as quick as they are few, on SQLite one pass."""

    def histogram(self, *, since: int, until: int, width: int) -> list[int]:
        """Count events in each stretch of `width` microseconds from `since`; the last one ends at `until`."""

    def types_since(self, since: int) -> dict[str, int]:
        """Count events by type with event_time >= since."""


class RefusedStore(Protocol):
    """Rows that could not be events, kept apart with their reasons."""

    def add(self, refusals: Iterable[Refusal]) -> int:
        """Store refusals; return how many were new."""

    def latest(self, limit: int) -> list[Refusal]:
        """Return the newest by refused_at, then refusal_id, descending."""

    def counts(self, *, since: int | None = ..., until: int | None = ...) -> dict[str, int]:
        """Count refused rows by reason: all, or those with `since <= refused_at < until`."""


class IngestStore(Protocol):
    """Which files were taken in, with what result."""

    def put(self, record: IngestRecord) -> None:
        """Write or overwrite the record of its ingest_id."""

    def get(self, ingest_id: str) -> IngestRecord | None:
        """Return one record."""

    def latest(self, limit: int) -> list[IngestRecord]:
        """Return the newest by finished_at, then ingest_id, descending."""


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


class WindowStore(Protocol):
    """What the monitor found and decided; one record per (version, window end), never changed."""

    def add(self, window: MonitorWindow) -> bool:
        """Store a record; False, and nothing changed, where its version and end have one."""

    def get(self, version: str, end: int) -> MonitorWindow | None:
        """Return one record."""

    def latest(self, limit: int) -> list[MonitorWindow]:
        """Return the newest by end, then version, descending."""


class ReportStore(Protocol):
    """Drift reports for people to look at, kept for a while."""

    def put(self, name: str, content: bytes, *, at: int) -> None:
        """Store a report; one with a known name changes nothing."""

    def get(self, name: str) -> bytes | None:
        """Return a report, or None where it is unknown or gone."""

    def names(self, limit: int) -> list[str]:
        """Return the names of the newest by `at`, then name, descending."""

    def drop_before(self, at: int) -> int:
        """Delete the reports with an earlier `at`; return how many."""


class BundleStore(Protocol):
    """What serving needs of a model version, by digest; any size (kept in pieces)."""

    def put(self, digest: str, files: dict[str, bytes]) -> None:
        """Store a bundle's files; a digest that is there changes nothing; visible only when complete."""

    def get(self, digest: str) -> dict[str, bytes] | None:
        """Return the files, or None where the digest is unknown."""


class ExperimentStore(Protocol):
    """Which experiment is on, and what the pods saw of its challenger."""

    def current(self) -> Experiment | None:
        """Return the experiment that is on."""

    def set_current(self, experiment: Experiment | None) -> None:
        """Overwrite which experiment is on; None for none."""

    def report(self, trial: Trial) -> None:
        """Write or overwrite what a process saw of an experiment."""

    def trials(self, number: int) -> list[Trial]:
        """Return what all processes saw of an experiment, by boot."""


class LedgerStore(Protocol):
    """Entries numbered without gap or race; a state changes only from the state its writer saw."""

    def claim(
        self,
        *,
        kind: str,
        state: str,
        at: int,
        reason: str,
        subject: str | None = ...,
        key: str | None = ...,
        evidence: dict[str, Any] = ...,
    ) -> LedgerEntry | None:
        """Append an entry under the next sequence number; None where an entry with this key exists."""

    def move(
        self, sequence: int, *, from_state: str, to_state: str, at: int, evidence: dict[str, Any] = ...
    ) -> LedgerEntry | None:
        """Change an entry's state and add to its evidence; None where it is not in `from_state` any more."""

    def get(self, sequence: int) -> LedgerEntry | None:
        """Return one entry."""

    def by_key(self, key: str) -> LedgerEntry | None:
        """Return the entry with this key."""

    def latest(self, limit: int, kind: str | None = ...) -> list[LedgerEntry]:
        """Return the newest entries by sequence, descending."""


class ForgottenStore(Protocol):
    """Users who asked to be forgotten: nothing of them is added any more, by any part of the store, in any process."""

    def current(self) -> Forgotten:
        """Return the marks there are; one small read where none is new."""

    def add(self, user_id: str, *, at: int, salt: bytes) -> Tombstone:
        """Mark a user for good; the first mark stays. `salt` is kept where the store has none yet.

        What other processes add from the moment this returns is kept out, also what they had begun to add.
        """

    def find(self, user_id: str) -> dict[str, int]:
        """Count what there is of a user, by collection; reads through what has no index by user."""

    def erase(self, user_id: str, *, mark: str) -> dict[str, int]:
        """Delete all there is of a user and return what it was; the ledger's sentences get the mark in the id's place.

        May be run again, also after it was killed. Raise StoreUnavailable where it can't be carried through now.
        """


class RetentionStore(Protocol):
    """What is kept for a time only."""

    def drop(self, kept: Kept, *, before: int, limit: int) -> int:
        """Delete at most `limit` documents whose time is earlier than `before`; return how many."""


class Store(Protocol):
    """Everything Propensity keeps, by what it is about."""

    events: EventStore
    refused: RefusedStore
    ingests: IngestStore
    predictions: PredictionStore
    shadows: PredictionStore
    """What a challenger said of copies of requests: nobody was answered so, so no reader of answers meets them."""
    scores: ScoreStore
    outcomes: OutcomeStore
    contacts: ContactStore
    windows: WindowStore
    reports: ReportStore
    bundles: BundleStore
    experiments: ExperimentStore
    ledger: LedgerStore
    forgotten: ForgottenStore
    retention: RetentionStore

    def champion(self) -> Champion | None:
        """Return the record of the model in production."""

    def set_champion(self, champion: Champion) -> None:
        """Overwrite the record of the model in production."""

    def ping(self) -> None:
        """Raise StoreUnavailable unless the store answers a read now."""

    def close(self) -> None:
        """Let go of connections; the store can't be used afterwards."""

    def __enter__(self) -> Self:
        """Return the store itself."""

    def __exit__(self, *_: object) -> None:
        """Close it."""
