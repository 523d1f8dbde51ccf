"""Records as tables: the same columns for the same thing on every page. Users' texts are cells, never markup."""

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd
import streamlit as st

from dashboard.wording import estimate, plain, when
from propensity.bundle import Estimate
from propensity.store import LedgerEntry

SHOWN_METRICS = (
    "f1", "recall", "precision", "accuracy", "roc_auc", "average_precision", "lift_at_10", "brier", "calibration_error",
    "contact_share",
)  # fmt: skip
"""In the order people ask for them."""


def metrics_table(columns: Mapping[str, Mapping[str, Estimate]]) -> pd.DataFrame:
    """Return one row a metric and one column a source, each a number with its interval."""
    rows = [name for name in SHOWN_METRICS if any(name in found for found in columns.values())]
    cells = {title: [estimate(found.get(name)) for name in rows] for title, found in columns.items()}
    return pd.DataFrame({"metric": [plain(name) for name in rows], **cells})


def ledger_table(entries: Sequence[LedgerEntry]) -> pd.DataFrame:
    """Return entries, the newest first."""
    return pd.DataFrame(
        {
            "no.": [entry.sequence for entry in entries],
            "when": [when(entry.updated_at) for entry in entries],
            "kind": [entry.kind for entry in entries],
            "state": [entry.state for entry in entries],
            "about": [entry.subject or "" for entry in entries],
            "reason": [entry.reason for entry in entries],
        }
    )


def show(frame: pd.DataFrame, *, alt: str, height: int | Literal["content"] = "content") -> None:
    """Show a table as wide as its box."""
    st.dataframe(frame, hide_index=True, width="stretch", height=height, alt=alt)
