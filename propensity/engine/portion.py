"""A part of the users with what to do for them, as it travels to a worker, and how a worker carries it out.

The store's address stays at home: a worker has its own in its environment, as every component does, because what travels
is seen on the scheduler's pages and in its logs. That both mean the same store is shown by an entry of the ledger.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import polars as pl

from propensity.engine.machine import Work
from propensity.errors import EngineUnavailable
from propensity.settings import read_settings
from propensity.store import Store, UserRange, open_store

PORTIONS_A_THREAD: Final = 4
"""So that a worker which is done early takes over some of another's; more would read the store in crumbs."""


class Mark(NamedTuple):
    """The newest entry of a ledger: no other store has one of this number, claimed at this microsecond."""

    sequence: int
    at: int


@dataclass(frozen=True, kw_only=True)
class Portion:
    """Shown by its number alone: Dask writes what it was given into its logs when a call fails."""

    number: int
    of: int
    users: UserRange = field(repr=False)
    work: Work[Any] = field(repr=False)
    mark: Mark | None = field(repr=False)
    """None where the ledger is empty, and nothing can be told."""


def cut(work: Work[Any], store: Store, *, threads: int, events_at_once: int) -> list[Portion]:
    """Return the work for everybody in portions: enough for all threads, none of many more events than asked."""
    wanted = max(threads * PORTIONS_A_THREAD, -(-store.events.summary().events // events_at_once))
    ranges = store.events.user_ranges(wanted)
    newest = store.ledger.latest(1)
    mark = Mark(newest[0].sequence, newest[0].at) if newest else None
    return [
        Portion(number=number, of=len(ranges), users=users, work=work, mark=mark)
        for number, users in enumerate(ranges, start=1)
    ]


def carry_out(portion: Portion) -> list[Any]:
    """Do a portion's work on the store that this process's environment names."""
    with open_store(read_settings().store_uri.get_secret_value()) as store:
        _expect(store, portion.mark)
        return [_packed(part) for part in portion.work(store, portion.users)]


def unpacked(parts: list[Any]) -> Iterator[Any]:
    """Yield the parts as the work gave them."""
    for part in parts:
        yield pl.read_ipc(part) if isinstance(part, bytes) else part


def _packed(part: Any) -> Any:
    """Frames travel as compressed Arrow: counts are small, so most of their bytes are zeros."""
    if not isinstance(part, pl.DataFrame):
        return part
    return part.write_ipc(None, compression="lz4").getvalue()


def _expect(store: Store, mark: Mark | None) -> None:
    entry = store.ledger.get(mark.sequence) if mark else None
    if mark and (entry is None or entry.at != mark.at):
        raise EngineUnavailable(
            "A Dask worker reads another store than this command. Set PROPENSITY_STORE_URI of the workers to the store "
            "that this command uses."
        )
