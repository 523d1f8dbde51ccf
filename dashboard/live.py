"""Do the answers come true? Live metrics on mature outcomes, over time and of the newest window."""

from typing import Final

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import charts, reading
from dashboard.frame import empty
from dashboard.wording import plain, window
from propensity.events.event import MICROS
from propensity.store import MonitorWindow
from propensity.store.findings import Performance

WATCHED: Final = ("f1", "accuracy", "recall", "precision")


def judged(windows: list[MonitorWindow]) -> list[MonitorWindow]:
    """Return the windows whose outcomes were judged."""
    return [one for one in windows if one.performance and one.performance.judged]


def show() -> None:
    """Draw the metrics over time, and write those of the newest window."""
    windows = reading.windows()
    seen = judged(windows)
    if not seen:
        why = next((one.performance.reason for one in windows if one.performance), "")
        empty(
            why or "No outcome was judged yet. Score users, wait a day, then watch.",
            "propensity score\npropensity monitor",
        )
        return
    x, colour = charts.time_axis(), charts.by_colour("metric", WATCHED)
    frame = _quality_frame(seen)
    y = charts.amount("value", "on the window's outcomes")
    chart = charts.lines(frame, x=x, y=y, series="metric", names=WATCHED, points=True)
    intervals = alt.Chart(frame).mark_rule(opacity=0.5, strokeWidth=3)
    charts.show(
        alt.layer(intervals.encode(x=x, y="low:Q", y2="high:Q", color=colour), chart),
        alt_text="F1, accuracy, recall and precision over time",
    )
    newest = seen[0].performance
    if newest:
        _live_numbers(newest)
        st.caption(
            f"Newest: {newest.rows:,} outcomes of {newest.users:,} users, {newest.positives:,} bought; "
            f"cutoffs {window(newest.first_cutoff, newest.last_cutoff)}, version {seen[0].version}."
        )


def _live_numbers(found: Performance) -> None:
    """Write the newest window's numbers, which a plot over time is read off with difficulty."""
    for column, name in zip(st.columns(len(WATCHED)), WATCHED, strict=True):
        one = found.metrics[name]
        column.metric(
            plain(name).capitalize() if name != "f1" else "F1",
            f"{one.value:.3f}",
            f"95 %: {one.low:.3f} to {one.high:.3f}",
            delta_color="off",
            delta_arrow="off",
        )


def _quality_frame(judged: list[MonitorWindow]) -> pd.DataFrame:
    rows = [
        (pd.Timestamp(one.end // MICROS, unit="s", tz="UTC"), name, found.value, found.low, found.high)
        for one in judged
        if one.performance
        for name, found in one.performance.metrics.items()
        if name in WATCHED
    ]
    return pd.DataFrame(rows, columns=["time", "metric", "value", "low", "high"])
