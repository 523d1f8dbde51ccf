"""What a store does with what arrived: events, refused rows, and which logs were taken in."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from propensity.events import Event, Refusal
from propensity.store.records import (
    Added,
    EventSummary,
    EventText,
    IngestRecord,
    UserRange,
)


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
