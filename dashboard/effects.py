"""What a campaign brought, for a recorded list or for one that another tool made."""

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import campaigns, charts, connections, reading, tables, uplift
from dashboard.frame import empty
from dashboard.wording import points, share, when, window
from propensity.bundle import Estimate
from propensity.campaign.results import Effect, Window, effect, responses_of_users
from propensity.campaign.results import window as outcome_window
from propensity.campaign.selection import CONTROL_SHARE
from propensity.campaign.spreadsheet import rows_of
from propensity.campaign.upload import read_arms
from propensity.events.event import DAY, HOUR

MAX_UPLOAD_MB = 20
AT_ONCE = 200_000
"""Users of a list who are counted as the page opens, in half a second; of a larger list once somebody asks for it."""


def of_recorded_list() -> None:
    """Let a person choose a list, and show what it brought."""
    lists = campaigns.target_lists()
    if not lists:
        empty("No list was recorded yet: download one from *Users to target*.")
        return
    titles = {
        one.list_id: f"{one.name}, {when(one.created_at)}: {one.treated:,} treated, {one.control:,} held back"
        for one in lists
    }
    left, right = st.columns([3, 1])
    list_id = left.selectbox("List", list(titles), format_func=titles.__getitem__)
    days = right.number_input("Days of purchases", 1, 60, 1)
    chosen = next(one for one in lists if one.list_id == list_id)
    within = _window(chosen.created_at, days=int(days))
    st.caption(f"{chosen.rule}; model version {chosen.model_version}; by {chosen.created_by}.")
    users = chosen.treated + chosen.control
    if users > AT_ONCE and not st.checkbox(f"Count what its {users:,} users did; this takes some seconds"):
        return
    found = campaigns.responses(chosen.list_id, within)
    _show(effect(found.is_treated, found.bought, control_share=chosen.control_share), within)
    uplift.of_list(found, seed=connections.settings().seed)


def of_uploaded_list() -> None:
    """Take a list with arms in, and show what it brought."""
    left, middle, right, last = st.columns([3, 1, 1, 1])
    upload = left.file_uploader("List", type="csv", max_upload_size=MAX_UPLOAD_MB)
    day = middle.date_input("First day", value="today", help="Purchases count from 00:00 UTC of this day on.")
    days = right.number_input("Days", 1, 60, 7, key="uploaded days")
    held = last.number_input(
        "Held back, %",
        0.1,
        99.9,
        100 * CONTROL_SHARE,
        help="The share of the list that was to be the control arm.",
    )
    if upload is None:
        return
    found = read_arms(rows_of(upload.getvalue()))
    if found.bad:
        st.warning(f"{found.bad_count:,} rows could not be read.", icon=":material/warning:")
        tables.show(pd.DataFrame(found.bad[:200], columns=["line", "reason"]), alt="Bad rows", rows=6)
    if not found.arms:
        return
    start = int(pd.Timestamp(str(day), tz="UTC").value // 1000)
    within = _window(start, days=int(days))
    seen = responses_of_users(connections.store(), found.arms, within=within)
    _show(effect(seen.is_treated, seen.bought, control_share=held / 100), within)


def _window(start: int, *, days: int) -> Window:
    return outcome_window(
        start,
        length=days * DAY,
        watermark=reading.events().last_time or 0,
        lateness=round(connections.settings().lateness_hours * HOUR),
    )


def _show(found: Effect, within: Window) -> None:
    if not within.is_mature:
        st.info(
            f"Not final: purchases are known until {when(within.seen_until)}, the window ends {when(within.end)}.",
            icon=":material/hourglass_top:",
        )
    ratio = found.sample_ratio
    if ratio is not None and not ratio.holds:
        st.error(
            f"The control arm holds {share(ratio.observed)} of the users instead of {share(ratio.expected)} (p = {ratio.p_value:.2g}): "
            "users were lost on one side, or another share was to be held back; the difference is not to be believed.",
            icon=":material/balance:",
        )  # fmt: skip
    difference, buyers = found.difference, found.incremental_buyers
    cards = (
        ("Treated who bought", share(found.treated.conversion.value), f"{found.treated.buyers:,} of {found.treated.users:,}"),
        ("Control who bought", share(found.control.conversion.value), f"{found.control.buyers:,} of {found.control.users:,}"),
        ("Difference in points", points(difference.value), f"95 %: {points(difference.low)} to {points(difference.high)}"),
        ("Buyers it brought", f"{buyers.value:,.0f}", f"95 %: {buyers.low:,.0f} to {buyers.high:,.0f}"),
    )  # fmt: skip
    for column, (label, value, beside) in zip(st.columns(4), cards, strict=True):
        column.metric(label, value, beside, delta_color="off", delta_arrow="off", border=True)
    _draw({"treated": found.treated.conversion, "control": found.control.conversion})
    said = (
        "The interval leaves out zero."
        if found.is_certain
        else "The interval holds zero: chance alone could have done this."
    )
    ratio_said = (
        ""
        if ratio is None
        else f" Sample ratio: {share(ratio.observed)} held back, {share(ratio.expected)} planned (p = {ratio.p_value:.2f})."
    )
    st.caption(f"{said}{ratio_said} Purchases of {window(within.start, within.seen_until)}.")


def _draw(arms: dict[str, Estimate]) -> None:
    frame = pd.DataFrame(
        [(name, one.value, one.low, one.high) for name, one in arms.items()],
        columns=["arm", "conversion", "low", "high"],
    )
    y = alt.Y("arm:N", title=None, sort=None)
    colour = charts.by_colour("arm", list(arms)).legend(None)
    dots = (
        alt.Chart(frame)
        .mark_point(filled=True, size=90)
        .encode(
            x=alt.X("conversion:Q", title="share who bought", axis=alt.Axis(format="%")),
            y=y,
            color=colour,
            tooltip=list(frame.columns),
        )
    )
    spread = alt.Chart(frame).mark_rule(size=3).encode(x="low:Q", x2="high:Q", y=y, color=colour)
    charts.show(alt.layer(spread, dots), alt_text="Conversion of both arms", height=120)
