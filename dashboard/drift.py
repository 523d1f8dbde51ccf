"""How far users are from those the model learned from: every feature by window, and Evidently's report in place."""

import html
from typing import Final

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import charts, reading
from dashboard.frame import empty
from dashboard.wording import moment, plain, window, zone_name
from propensity.store import MonitorWindow

SHOWN_FEATURES: Final = 8
"""Features drawn at once: those that shifted most."""

SMALLER: Final = "<style>html { zoom: 0.62 }</style>"
"""Evidently draws for a whole window of 1,400 pixels; a box on a page of 1,280 has 850."""


CAGE: Final = (
    "<style>html, body {{ margin: 0; height: 100% }} iframe {{ border: 0; width: 100%; height: 100% }}</style>"
    '<iframe sandbox="allow-scripts" srcdoc="{}"></iframe>'
)


def caged(page: str) -> str:
    """Return a page around a page whose scripts reach nothing of ours: Streamlit's own frame is of our origin."""
    return CAGE.format(html.escape(page))


def by_feature() -> None:
    """Draw the shift of each feature, window by window."""
    judged = [one for one in reading.windows() if one.drift.judged]
    if not judged:
        newest = next(iter(reading.windows()), None)
        if newest is None:
            empty("The monitor has not looked at any window yet.", "propensity score\npropensity monitor")
        else:
            st.info(newest.drift.reason, icon=":material/inbox:")
        return
    newest = judged[0]
    largest = sorted(newest.drift.features, key=lambda one: -abs(one.shift))
    names = [one.name for one in largest]
    chosen = st.multiselect(
        "Features", names, default=names[:SHOWN_FEATURES], max_selections=20, format_func=plain
    )
    frame = _drift_frame(judged, chosen)
    if frame.empty:
        return
    x = alt.X(
        "window:N",
        title=f"window that ended at, {zone_name(newest.end)}",
        sort=None,
        axis=alt.Axis(labelAngle=0, titleFontWeight="normal"),
    )
    y = alt.Y("feature:N", title=None, sort=[plain(one) for one in chosen], axis=alt.Axis(labelLimit=240))
    heat = alt.Chart(frame).mark_rect(cornerRadius=3).encode(
        x=x,
        y=y,
        color=alt.Color("shift:Q", scale=alt.Scale(domain=[-0.5, 0, 0.5], range=[charts.ORANGE, "#B9C2CC", charts.BLUE], clamp=True, interpolate="rgb"), legend=alt.Legend(title="shift", orient="right")),
        tooltip=list(frame.columns),
    )  # fmt: skip
    words = (
        alt.Chart(frame)
        .mark_text(fontSize=11, fontWeight=600, color="#10161D")
        .encode(x=x, y=y, text="said:N")
    )
    charts.show(
        alt.layer(heat, words),
        alt_text="Shift of each feature by window",
        height=60 + 30 * max(2, len(chosen)),
    )
    st.caption(
        f"Newest window {window(newest.start, newest.end)}: {newest.drift.users:,} users against {newest.drift.reference_users:,} of the reference days, version {newest.version}. A word in a field says that it counts as drift."
    )
    if newest.drift.persistent:
        st.warning(
            f"Drifted for long enough to retrain: {', '.join(plain(one) for one in newest.drift.persistent)}.",
            icon=":material/warning:",
        )


def _drift_frame(judged: list[MonitorWindow], chosen: list[str]) -> pd.DataFrame:
    shown = judged[:14]
    titles = dict(zip((one.end for one in shown), ends_of([one.end for one in shown]), strict=True))
    rows = [
        (
            titles[one.end],
            plain(found.name),
            found.shift,
            found.spread,
            found.p_value,
            f"{found.shift:+.2f} {found.drift}".strip(),
        )
        for one in reversed(shown)
        for found in one.drift.features
        if found.name in chosen
    ]
    return pd.DataFrame(rows, columns=["window", "feature", "shift", "spread", "p_value", "said"])


def ends_of(ends: list[int]) -> list[str]:
    """Write the ends of windows so that no two are the same: with the time where a day has several."""
    days = [f"{moment(end):%d %b}" for end in ends]
    return days if len(set(days)) == len(set(ends)) else [f"{moment(end):%d %b %H:%M}" for end in ends]


def report() -> None:
    """Show a report that the monitor drew."""
    names = reading.reports()
    if not names:
        empty(
            "No report is kept. The monitor draws one where there are scores and a reference.",
            "propensity monitor",
        )
        return
    ends = {one.report: one for one in reading.windows() if one.report}
    titles = {
        name: f"{name} ({window(ends[name].start, ends[name].end)})" if name in ends else name
        for name in names
    }
    name = st.selectbox(
        "Report",
        names,
        index=None,
        format_func=titles.__getitem__,
        placeholder="Choose a window to open its report here",
    )
    if name is None:
        return
    content = reading.report(name)
    if content is None:
        st.info("This report is gone: reports are kept for a while only.", icon=":material/inbox:")
        return
    st.iframe(caged(content.decode("utf-8", errors="replace") + SMALLER), height=800)
    st.download_button("Download", content, file_name=name, mime="text/html", on_click="ignore")
