"""What was taken in, and what was refused: a row's own text is a cell of a table, never markup."""

import operator

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import charts, reading, tables
from dashboard.frame import empty
from dashboard.wording import plain, when, window


def refused_by_reason() -> None:
    """Draw how many rows were refused for which reason."""
    counts = reading.refused_counts()
    if not counts:
        st.caption("No row was refused.")
        return
    frame = pd.DataFrame(
        sorted(counts.items(), key=operator.itemgetter(1), reverse=True), columns=["reason", "rows"]
    ).assign(reason=lambda one: one["reason"].map(plain))
    chart = charts.bars(
        frame,
        x=alt.X("rows:Q", title="rows", axis=alt.Axis(format="~s")),
        y=alt.Y("reason:N", title=None, sort=None),
        colour=charts.ORANGE,
    )
    charts.show(chart, alt_text="Refused rows by reason", height=60 + 32 * len(frame))


def refused() -> None:
    """List the newest of them."""
    rows = reading.refused()
    if not rows:
        empty("No row was refused. Take a log in and look again.", "propensity ingest FILE --format taobao")
        return
    frame = pd.DataFrame(
        [(plain(one.reason), one.raw[:300], one.file, one.line, when(one.refused_at)) for one in rows],
        columns=["why", "row", "file", "line", "when"],
    )
    tables.show(frame, alt="The newest refused rows", rows=6, tall=True)


def files() -> None:
    """List the files that were taken in."""
    records = reading.ingests()
    if not records:
        empty("No file was taken in yet.", "propensity ingest FILE --format taobao")
        return
    frame = pd.DataFrame(
        [(when(one.finished_at), one.source, one.file, one.rows, one.inserted, one.unchanged, sum(one.refused.values()), window(one.first_time, one.last_time)) for one in records],
        columns=["when", "source", "file", "rows", "new", "known before", "refused", "events"],
    )  # fmt: skip
    tables.show(frame, alt="Files taken in", tall=True)
