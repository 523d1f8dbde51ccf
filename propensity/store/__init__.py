"""The store: events, refused rows, predictions, scores, bundles and the ledger, in SQLite or MongoDB.

`open_store(uri)` is the only door; what it returns is described by `protocol.Store`.
"""

from propensity.store.experiments import Arm, Experiment, Trial
from propensity.store.findings import MonitorWindow, Outcome
from propensity.store.opening import open_store
from propensity.store.protocol import Store
from propensity.store.records import (
    Added,
    Champion,
    Contact,
    EventSummary,
    IngestRecord,
    LedgerEntry,
    Prediction,
    Ranked,
    Score,
    TargetList,
    Timed,
    UserRange,
)

__all__ = [
    "Added",
    "Arm",
    "Champion",
    "Contact",
    "EventSummary",
    "Experiment",
    "IngestRecord",
    "LedgerEntry",
    "MonitorWindow",
    "Outcome",
    "Prediction",
    "Ranked",
    "Score",
    "Store",
    "TargetList",
    "Timed",
    "Trial",
    "UserRange",
    "open_store",
]
