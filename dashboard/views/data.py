"""Data: what came in, what was refused and why, and how far today's users are from those the model learned from."""

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import charts, drift, intake, reading
from dashboard.frame import box, empty, head, told
from dashboard.wording import clock, days, moment, plain, share, window
from propensity.events.event import MICROS
from propensity.lifecycle import retraining
from propensity.store import MonitorWindow


def show() -> None:
    """Draw the page."""
    head("Data", "What came in, what was refused and why, and how far today's users are from the model's.")
    _cards()
    left, right = st.columns(2)
    with (
        left,
        box(
            "Missing and outliers",
            about="Share of each window's events.",
            note="Prices are outliers from three quartile distances on, in logarithms.",
        ),
    ):
        _quality()
    with right, box("Events by type", about="Of the newest window."):
        _types()
    with box(
        "Drift by feature",
        about="Shift of a feature against the reference days: from -1 (all lower) to 1 (all higher).",
    ):
        drift.by_feature()
    with box("Drift report", about="Drawn by Evidently for one window; it decides nothing."):
        drift.report()
    left, right = st.columns([2, 3])
    with left, box("Refused rows", about="All rows that could not be events, by reason."):
        intake.refused_by_reason()
    with right, box("Newest refused rows", about="At most 200, as they stood in the file."):
        intake.refused()
    with box("Files taken in", about="The newest 20."):
        intake.files()


def _newest() -> MonitorWindow | None:
    return next(iter(reading.windows()), None)


def _cards() -> None:
    one, two, three, four = st.columns(4)
    with one, told():
        summary = reading.events()
        _card(
            "Events",
            f"{summary.events:,}",
            f"from {moment(summary.first_time or 0):%d %b %Y} on" if summary.events else "none yet",
        )
    with two, told():
        summary = reading.events()
        _card(
            "Newest event",
            f"{moment(summary.last_time):%H:%M}" if summary.last_time else "-",
            f"{moment(summary.last_time):%d %b} ({clock(summary.last_time)})"
            if summary.last_time
            else "the watermark",
        )
    with three, told():
        newest = _newest()
        _card(
            "Hours behind",
            f"{newest.quality.hours_behind:.1f}" if newest else "-",
            f"at {moment(newest.at):%d %b %H:%M}" if newest else "not watched yet",
        )
    with four, told():
        newest = _newest()
        drifting = [one for one in newest.drift.features if one.drift] if newest else []
        said = (
            "not judged"
            if newest is None or not newest.drift.judged
            else f"{len(newest.drift.persistent)} of them for long enough"
        )
        label = f"Drifting columns, {days(newest.start, newest.end)}" if newest else "Drifting columns"
        _card(label, str(len(drifting)) if newest and newest.drift.judged else "-", said)


def _card(label: str, value: str, beside: str) -> None:
    st.metric(label, value, beside, delta_color="off", delta_arrow="off", border=True, height="stretch")


def _not_watched() -> None:
    empty("The monitor has not looked at any window yet.", "propensity score\npropensity monitor")


def _quality() -> None:
    windows = reading.windows()
    if not windows:
        _not_watched()
        return
    rows = [
        (pd.Timestamp(one.end // MICROS, unit="s", tz="UTC"), name, part)
        for one in windows
        for name, part in {
            **{f"no {plain(field)}": part for field, part in one.quality.missing.items()},
            "price outliers": one.quality.price_outliers,
            "refused rows": sum(one.quality.refused.values()) / max(1, one.quality.events + sum(one.quality.refused.values())),
        }.items()
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["time", "what", "share"])
    names = list(dict.fromkeys(frame["what"]))
    chart = charts.lines(
        frame,
        x=charts.time_axis(),
        y=charts.amount("share", "of the events", percent=True),
        series="what",
        names=names,
        points=True,
    )
    charts.show(chart, alt_text="Missing fields and outliers over time")
    newest = windows[0]
    st.caption(f"Windows that ended {window(windows[-1].end, newest.end)}.")
    stale = newest.quality.stale or _late(newest.end)
    if stale:
        st.warning(stale, icon=":material/warning:")


def _late(end: int) -> str:
    """Return what the ledger says of a window after the last one judged, where its events have not come."""
    decision = next(iter(reading.ledger(1, retraining.KIND)), None)
    if decision is None or decision.state != "stale data" or decision.evidence["window_end"] <= end:
        return ""
    return decision.reason


def _types() -> None:
    newest = _newest()
    if newest is None:
        _not_watched()
        return
    counts = sorted(newest.quality.by_type.items(), key=lambda one: -one[1])
    frame = pd.DataFrame(counts, columns=["type", "events"])
    chart = charts.bars(
        frame,
        x=alt.X("events:Q", title="events", axis=alt.Axis(format="~s")),
        y=alt.Y("type:N", title=None, sort=None),
    )
    charts.show(chart, alt_text="Events by type", height=200)
    quality = newest.quality
    st.caption(
        f"{window(newest.start, newest.end)}: {quality.events:,} events of {quality.users:,} users; a week before {quality.events_week_before:,}."
    )
    st.caption(
        f"Longest silence of the week {quality.longest_silence_hours:.1f} hours; the busiest user made {share(quality.busiest_user_share)} of the events."
    )


show()
