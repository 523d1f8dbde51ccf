"""What every store can do; the contract tests in tests/store hold SQLite and MongoDB to it.

Every write is idempotent by a key, every read names its order and its bound. Methods raise StoreUnavailable when the
outside system fails them, and nothing else of that system's exceptions.
"""

from typing import Protocol, Self

from propensity.store.protocol.answers import ContactStore, OutcomeStore, PredictionStore, ScoreStore
from propensity.store.protocol.events import EventStore, IngestStore, RefusedStore
from propensity.store.protocol.models import (
    BundleStore,
    ExperimentStore,
    LedgerStore,
    ReportStore,
    WindowStore,
)
from propensity.store.protocol.people import ForgottenStore, RetentionStore
from propensity.store.records import Champion


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


__all__ = [
    "BundleStore",
    "ContactStore",
    "EventStore",
    "ExperimentStore",
    "ForgottenStore",
    "IngestStore",
    "LedgerStore",
    "OutcomeStore",
    "PredictionStore",
    "RefusedStore",
    "ReportStore",
    "RetentionStore",
    "ScoreStore",
    "Store",
    "WindowStore",
]
