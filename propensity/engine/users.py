"""Feature rows of a range of users: the work that training and scoring begin with, on any engine."""

from collections.abc import Iterator, Sequence

import polars as pl

from propensity.features.offline import feature_rows
from propensity.store import Store, UserRange
from propensity.store.protocol import EventStore
from propensity.store.records import EventText


class _EventsOf:
    """The events of some users, read as `feature_rows` reads those of all."""

    def __init__(self, events: EventStore, users: UserRange) -> None:
        self._events = events
        self._users = users

    def scan_text(self, *, since: int, until: int, chunk_rows: int = 200_000) -> Iterator[EventText]:
        """Yield whole users' events in chunks."""
        return self._events.scan_text(since=since, until=until, users=self._users, chunk_rows=chunk_rows)


class _Some:
    """A store as far as it is about some users."""

    def __init__(self, store: Store, users: UserRange) -> None:
        self.events = _EventsOf(store.events, users)


def feature_rows_of(
    store: Store, users: UserRange, *, cutoffs: Sequence[int], lag: int, with_labels: bool
) -> Iterator[pl.DataFrame]:
    """Yield the snapshots of a range of users; see `features.offline.feature_rows`."""
    return feature_rows(_Some(store, users), cutoffs, lag=lag, with_labels=with_labels)
