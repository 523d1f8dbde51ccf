"""What a store does with what the loop runs on: bundles, experiments, the ledger, what the monitor found."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from propensity.store.experiments import Experiment, Trial
from propensity.store.findings import MonitorWindow
from propensity.store.records import (
    LedgerEntry,
)


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

    def latest(self, limit: int, kind: str | None = ..., state: str | None = ...) -> list[LedgerEntry]:
        """Return the newest entries (of a kind, in a state, where named) by sequence, descending."""

    def by_people(self, limit: int, kinds: Sequence[str]) -> list[LedgerEntry]:
        """Return the newest entries of some kinds that have an actor, by sequence, descending."""

    def unended(self, kind: str, *, ended: Collection[str]) -> list[LedgerEntry]:
        """Return all entries of a kind that are in none of the states `ended`, by sequence, descending."""
