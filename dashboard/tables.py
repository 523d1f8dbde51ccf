"""Records as tables: the same columns for the same thing on every page. Users' texts are cells, never markup."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import pandas as pd
import streamlit as st

from dashboard.wording import estimate, plain, when
from propensity.bundle import Estimate
from propensity.campaign.spreadsheet import defused
from propensity.lifecycle import trainings
from propensity.store import LedgerEntry

SHOWN_METRICS = (
    "f1", "recall", "precision", "accuracy", "roc_auc", "average_precision", "lift_at_10", "brier", "calibration_error",
    "contact_share",
)  # fmt: skip
"""In the order people ask for them."""
ROW_HEIGHT: Final = 35
TALL_ROW_HEIGHT: Final = 66
"""Of rows whose long texts go on in a second and third line: Streamlit breaks lines from 4 rem on."""
WIDTHS: Final[dict[str, int | Literal["small", "medium", "large"]]] = {
    "no.": 50, "when": 140, "kind": 85, "state": 85, "by": 85, "about": 100, "metric": 140, "training": 80, "version": 70,
    "began": 140, "reason": 320, "changed": 140, "line": 60, "file": 100, "why": 110,
}  # fmt: skip
LONGEST_NAME: Final = 10
_NUMBER: Final = re.compile(r"-|[+-]?\d[\d.,%]*( \[.*\]| points)?")
"""What we write ourselves: a formula only by its first sign."""


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
            "about": [shortened(entry.subject or "") for entry in entries],
            "reason": [entry.reason for entry in entries],
        }
    )


def show(frame: pd.DataFrame, *, alt: str, rows: int = 12, tall: bool = False) -> None:
    """Show a table as wide as its box, and no higher than some rows; `tall` ones let long texts go on below."""
    widths = {name: st.column_config.Column(width=WIDTHS[name]) for name in frame.columns if name in WIDTHS}
    each = TALL_ROW_HEIGHT if tall else ROW_HEIGHT
    height: int | Literal["content"] = "content" if len(frame) <= rows else each * rows + ROW_HEIGHT
    st.dataframe(
        harmless(frame), hide_index=True, width="stretch", height=height, column_config=widths, alt=alt,
        row_height=each if tall else None,
    )  # fmt: skip


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts run nothing in a spreadsheet, wherever they are carried by hand."""
    return pd.DataFrame({name: frame[name].map(_harmless) for name in frame.columns}, columns=frame.columns)


def _harmless(cell: object) -> object:
    return defused(cell) if isinstance(cell, str) and not _NUMBER.fullmatch(cell) else cell


def shortened(name: str) -> str:
    """Return a name that is no digest as it is, and enough of one to find it by."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


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
