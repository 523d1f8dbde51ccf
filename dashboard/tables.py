"""Records as tables: the same columns for the same thing on every page. Users' texts are cells, never markup."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import pandas as pd
import streamlit as st

from dashboard.wording import estimate, plain, when
from propensity.bundle import Estimate
from propensity.lifecycle import trainings
from propensity.store import LedgerEntry

SHOWN_METRICS = (
    "f1", "recall", "precision", "accuracy", "roc_auc", "average_precision", "lift_at_10", "brier", "calibration_error",
    "contact_share",
)  # fmt: skip
"""In the order people ask for them."""
ROW_HEIGHT: Final = 35
WIDTHS: Final[dict[str, int | Literal["small", "medium", "large"]]] = {
    "no.": 50, "when": 225, "kind": 90, "state": 90, "about": 80, "reason": 900, "metric": 120,
}  # fmt: skip


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
            "by": [entry.actor for entry in entries],
            "about": [entry.subject or "" for entry in entries],
            "reason": [entry.reason for entry in entries],
        }
    )


def show(frame: pd.DataFrame, *, alt: str, rows: int = 12) -> None:
    """Show a table as wide as its box, and no higher than some rows."""
    widths = {name: st.column_config.Column(width=WIDTHS[name]) for name in frame.columns if name in WIDTHS}
    height: int | Literal["content"] = "content" if len(frame) <= rows else ROW_HEIGHT * (rows + 1)
    st.dataframe(frame, hide_index=True, width="stretch", height=height, column_config=widths, alt=alt)


def trainings_table(entries: Sequence[LedgerEntry]) -> pd.DataFrame:
    """Return trainings with their Job and their result."""
    return pd.DataFrame(
        {
            "training": [trainings.number_of(entry) or "by hand" for entry in entries],
            "state": [entry.state for entry in entries],
            "result": [
                str(entry.evidence.get("verdict") or entry.evidence.get("error") or "") for entry in entries
            ],
            "version": [str(entry.evidence.get("version", "")) for entry in entries],
            "asked by": [", ".join(sorted(trainings.kinds_of(entry))) or "a person" for entry in entries],
            "began": [when(entry.at) for entry in entries],
            "changed": [when(entry.updated_at) for entry in entries],
            "Job or log": [str(entry.evidence.get("job", "")) for entry in entries],
        }
    ).astype(str)


def transposed(columns: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Return one row a name and one column a source."""
    names = list(dict.fromkeys(name for found in columns.values() for name in found))
    cells = {title: [found.get(name, "") for name in names] for title, found in columns.items()}
    return pd.DataFrame({"": [plain(name) for name in names], **cells})
