"""Scoring of an uploaded list on the page: progress while it runs, answers to download, bad rows with their reasons."""

from typing import Final

import pandas as pd
import streamlit as st

from dashboard import batch, connections, reading, tables
from dashboard.frame import empty
from propensity.campaign.spreadsheet import lines, rows_of

MAX_UPLOAD_MB: Final = 20
PREVIEW: Final = 100
SCORED: Final = "scored upload"


def score() -> None:
    """Take a list in, and show what became of it."""
    upload = st.file_uploader("List", type="csv", max_upload_size=MAX_UPLOAD_MB, label_visibility="collapsed")
    if upload is not None and st.button("Score it", type="primary"):
        champion = reading.champion()
        if champion is None:
            empty("No model is in production.", "propensity train")
            return
        model = reading.model(champion.digest, reading.bundle(champion.digest))
        cutoff = next(iter(reading.cutoffs(1)), None) or connections.now()
        bar = st.progress(0.0, text="Scoring …")
        content = upload.getvalue()
        st.session_state[SCORED] = batch.score_csv(
            rows_of(content), total=content.count(b"\n"), store=connections.store(), model=model, cutoff=cutoff,
            progress=lambda part: bar.progress(part, text=f"Scoring … {part:.0%}"),
        )  # fmt: skip
        bar.empty()
    if found := st.session_state.get(SCORED):
        _scored(found)


def _scored(found: batch.Scored) -> None:
    st.success(
        f"{len(found.users):,} rows scored, {sum(found.predictions):,} at or above the threshold; {found.bad_count:,} could not be."
    )
    columns = ("user_id", "probability", "prediction", "features_from")
    rows = list(zip(found.users, found.probabilities, found.predictions, found.features_from, strict=True))
    st.download_button(
        "Download the answers",
        lambda: "".join(lines(columns, rows)),
        file_name="scored.csv",
        mime="text/csv",
        on_click="ignore",
    )
    tables.show(pd.DataFrame(rows[:PREVIEW], columns=list(columns)), alt="The first answers", rows=6)
    if found.bad:
        st.warning(
            f"{found.bad_count:,} rows could not be scored; the first {len(found.bad):,}:",
            icon=":material/warning:",
        )
        tables.show(pd.DataFrame(found.bad, columns=["line", "reason"]), alt="Bad rows", rows=6)
