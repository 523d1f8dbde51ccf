"""The store: events, refused rows, predictions, scores, bundles and the ledger, in SQLite or MongoDB.

`open_store(uri)` is the only door; what it returns is described by `protocol.Store`.
"""

from propensity.store.findings import MonitorWindow, Outcome
from propensity.store.opening import open_store
from propensity.store.protocol import Store
from propensity.store.records import (
    Added,
    Champion,
    EventSummary,
    IngestRecord,
    LedgerEntry,
    Prediction,
    Score,
    UserRange,
)

__all__ = [
    "Added",
    "Champion",
    "EventSummary",
    "IngestRecord",
    "LedgerEntry",
    "MonitorWindow",
    "Outcome",
    "Prediction",
    "Score",
    "Store",
    "UserRange",
    "open_store",
]
