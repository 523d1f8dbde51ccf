"""Overview: which model answers, how fast, whether its answers come true, and what was decided lately."""

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import charts, connections, latency, live, reading, tables
from dashboard.frame import box, empty, head, told
from dashboard.latency import Speed
from dashboard.wording import days, duration, plain, share, when, window
from propensity.bundle import ModelDocument
from propensity.events.event import DAY, HOUR, MICROS
from propensity.store import Champion


def show() -> None:
    """Draw the page."""
    head(
        "Overview",
        "Which model answers, how fast, whether its answers come true, and what was decided lately.",
    )
    _cards()
    left, right = st.columns(2)
    with (
        left,
        box("Answers", about="By hour, of the last 24 hours: users answered for, one by one and in batches."),
    ):
        _traffic()
    with (
        right,
        box(
            "Response times",
            about="By hour, of the last 24 hours: requests of one user; a batch is left out.",
        ),
    ):
        _response_times()
    with box(
        "Live quality", about="On mature outcomes of users who were not contacted, with 95 % intervals."
    ):
        live.show()
    with box("Champion"):
        _champion()
    with box("Last decisions"):
        _decisions()


def _cards() -> None:
    cards = (_champion_card, _quality_card, _speed_card, _traffic_card)
    for column, card in zip(st.columns(len(cards)), cards, strict=True):
        with column, told():
            label, value, beside = card()
            st.metric(
                label, value, beside, delta_color="off", delta_arrow="off", border=True, height="stretch"
            )


def _champion_card() -> tuple[str, str, str]:
    champion = reading.champion()
    if champion is None:
        return "Champion", "none", "nothing in production"
    return "Champion", f"version {champion.version}", champion.verdict or "promoted by hand"


def _quality_card() -> tuple[str, str, str]:
    newest = next(iter(live.judged(reading.windows())), None)
    if newest is None or newest.performance is None:
        return "Live F1", "-", "no mature outcomes yet"
    found = newest.performance
    f1 = found.metrics["f1"]
    label = f"Live F1, {days(found.first_cutoff or newest.start, found.last_cutoff or newest.end)}"
    return label, f"{f1.value:.3f}", f"95 %: {f1.low:.3f} to {f1.high:.3f}"


def _speed_card() -> tuple[str, str, str]:
    found = _speed()
    label = "Response time, p95 of 24 h"
    if found is None:
        return label, "-", "no requests"
    one = found.quantiles["p95"]
    return label, duration(one.value), f"95 %: {duration(one.low)} to {duration(one.high)}"


def _traffic_card() -> tuple[str, str, str]:
    found = _speed()
    said = f"{found.requests:,} of them one by one" if found else "none of them one by one"
    return "Answers in 24 h", f"{sum(_last_day()):,}", said


def _day() -> tuple[int, int]:
    """Return the last 24 hours, by whole hours."""
    end = (connections.now() // HOUR + 1) * HOUR
    return end - DAY, end


def _speed() -> Speed | None:
    since, until = _day()
    return reading.speed(since=since, until=until)


def _last_day() -> list[int]:
    since, until = _day()
    return reading.traffic(since=since, until=until, width=HOUR)


def _traffic() -> None:
    counts = _last_day()
    if not any(counts):
        empty("No request was answered in the last 24 hours.", "propensity serve")
        return
    first, end = _day()
    hours = pd.to_datetime([(first + n * HOUR) // MICROS for n in range(len(counts))], unit="s", utc=True)
    frame = pd.DataFrame({"time": hours, "answers": counts})
    x = charts.time_axis("yearmonthdatehours(time)")
    chart = charts.bars(frame, x=x, y=charts.amount("answers", "answers an hour"))
    charts.show(chart, alt_text="Answers by hour")
    st.caption(window(first, end))


def _response_times() -> None:
    found = _speed()
    if found is None or found.by_hour.empty:
        empty("Too few requests to draw response times from.", "make load USERS=20 DURATION=30")
        return
    x, names = charts.time_axis(), list(latency.QUANTILES)
    y = alt.Y("milliseconds:Q", title="milliseconds", scale=alt.Scale(zero=True))
    chart = charts.lines(found.by_hour, x=x, y=y, series="quantile", names=names, points=True)
    intervals = alt.Chart(found.by_hour).mark_rule(opacity=0.5, strokeWidth=3)
    colour = charts.by_colour("quantile", names)
    charts.show(
        alt.layer(intervals.encode(x=x, y=alt.Y("low:Q", title=""), y2="high:Q", color=colour), chart),
        alt_text="Response times by hour, with 95 % intervals",
    )
    said = "; ".join(
        f"{name} {duration(one.value)} ({duration(one.low)} to {duration(one.high)})"
        for name, one in found.quantiles.items()
    )
    st.caption(f"{said}, with 95 % intervals. {found.requests:,} requests, {window(*_day())}.")


def _champion() -> None:
    champion = reading.champion()
    if champion is None:
        empty("No model is in production.", "propensity train")
        return
    document = reading.document()
    left, right = st.columns(2)
    with left:
        measured = tables.metrics_table({"test days, with 95 % interval": document.metrics})
        tables.show(measured, alt="Metrics of the test days")
    with right:
        _made(champion, document)


def _made(champion: Champion, document: ModelDocument) -> None:
    st.markdown(f"**{plain(document.estimator).capitalize()}**, threshold {document.threshold:.4g}")
    st.caption(f"Trained {when(document.trained_at)} on {document.events:,} events.")
    st.caption(f"In production since {when(champion.promoted_at)}.")
    if test := document.periods.get("test"):
        days = window(test.first_cutoff, test.last_cutoff)
        st.caption(f"Test days: {days}; {test.rows:,} rows, {test.positives:,} buyers.")
    st.caption(
        f"Of later days' buyers, {share(document.expected_recall)} can be expected above the threshold."
    )
    if champion.verdict == "unproven":
        st.warning(
            "Unproven: on its test days it did not beat what needs no model.", icon=":material/science:"
        )
    for warning in document.warnings:
        st.warning(warning, icon=":material/warning:")


def _decisions() -> None:
    entries = reading.ledger(10)
    if not entries:
        empty("The ledger is empty. The first training writes its first line.", "propensity train")
        return
    tables.show(tables.ledger_table(entries), alt="The newest entries of the ledger", tall=True)


show()
