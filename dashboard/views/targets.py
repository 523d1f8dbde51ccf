"""Users to target: whom to contact, with a control arm held back and recorded; and scoring of an uploaded list."""

import dataclasses

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from dashboard import campaigns, charts, connections, exports, reading, registered, uploads
from dashboard.frame import box, empty, head
from dashboard.prospects import expected, reached
from dashboard.wording import NONE, share, when, window
from propensity.bundle import Estimate
from propensity.campaign.selection import (
    CONTROL_SHARE,
    Control,
    Rule,
    Selection,
    at_least,
    budget,
    top,
)
from propensity.campaign.spreadsheet import MAX_ROWS

RULES = ("The best", "Probability", "Budget")


def show() -> None:
    """Draw the page."""
    head(
        "Users to target",
        "Whom to contact, the likeliest buyers first; a share is held back so that the effect can be told.",
    )
    with box("Target list"):
        _target_list()
    with box("Recorded lists", about="Each was recorded when it was prepared; both arms are kept."):
        exports.recorded()
    with box(
        "Score a list of your own",
        about=f"A CSV with the column user_id, and features by name where you have them; at most {MAX_ROWS:,} rows.",
    ):
        uploads.score()


def _target_list() -> None:
    cutoffs = reading.cutoffs()
    if not cutoffs:
        empty("Nobody was scored yet.", "propensity score")
        return
    left, right = st.columns([1, 2], gap="large")
    with left:
        cutoff = int(st.selectbox("Scores of", cutoffs, format_func=when))
        chances = campaigns.probabilities(cutoff)
        rule = _rule(len(chances))
        held = st.slider("Held back as control", 0.01, 0.5, CONTROL_SHARE, 0.01, format="percent")
        control = Control(seed=connections.settings().seed, share=held)
    found = campaigns.selection(rule, control, cutoff)
    with right:
        _curve(found, cutoff)
    _reached(found, total=float(chances.sum()))
    exports.record_it(found)
    exports.preview(found)


def _rule(users: int) -> Rule:
    kind = st.segmented_control("Choose by", RULES, default=RULES[0], required=True)
    if kind == RULES[1]:
        return at_least(st.slider("Probability of at least", 0.0, 1.0, 0.1, 0.005, format="%.3f"))
    if kind == RULES[2]:
        cost = st.number_input("Cost of a contact", 0.01, 1e6, 0.5)
        most = cost * max(2, users)
        rule = budget(st.slider("Budget", 0.0, most, round(most / 10, 2), step=cost), cost=cost)
    else:
        rule = top(int(st.slider("Users", 1, max(2, users), max(1, users // 10))))
    floor = st.slider("Leave out whom the model gives less than", 0.0, 1.0, 0.0, 0.005, format="%.3f")
    if not floor:
        return rule
    words = f"{rule.words}, of those with a probability of {floor:g} or more"
    return dataclasses.replace(rule, words=words, probability=floor)


def _reached(found: Selection, *, total: float) -> None:
    lowest = float(found.probabilities[-1]) if len(found.users) else None
    document = registered.document_of(found.model_version)
    buyers, caught = expected(found), reached(found, document) if document else None
    cards = (
        ("To contact", f"{found.treated:,}", f"{len(found.users) - found.treated:,} held back"),
        ("Expected buyers", f"{buyers.value:,.0f}", f"95 %: {buyers.low:,.0f} to {buyers.high:,.0f} of {total:,.0f}"),
        ("Threshold", f"{lowest:.4f}" if lowest is not None else NONE, "the last one listed"),
        ("Buyers reached", share(caught.value) if caught else NONE, _between(caught, found)),
    )  # fmt: skip
    for column, (label, value, beside) in zip(st.columns(4), cards, strict=True):
        column.metric(
            label, value, beside, delta_color="off", delta_arrow="off", border=True, height="stretch"
        )
    validate = document.periods.get("validate") if document else None
    days = (
        f", by the operating curve of {window(validate.first_cutoff, validate.last_cutoff)}"
        if validate
        else ""
    )
    st.caption(
        f"Expected are those who buy within a day of {when(found.cutoff)}, by chance alone 95 times of 100 in the range. "
        f"Reached is their share of all buyers{days}. Who is held back counts in neither."
    )


def _between(caught: Estimate | None, found: Selection) -> str:
    if caught is None:
        return f"not known of version {found.model_version}"
    return f"95 %: {share(caught.low)} to {share(caught.high)}"


def _curve(found: Selection, cutoff: int) -> None:
    chances = campaigns.probabilities(cutoff)
    places = sorted({round(n * (len(chances) - 1) / 200) for n in range(201)})
    spread = 1.96 * np.sqrt((chances * (1 - chances)).cumsum()[places])
    buyers = chances.cumsum()[places]
    frame = pd.DataFrame(
        {
            "users": [place + 1 for place in places],
            "buyers": buyers,
            "low": np.maximum(0.0, buyers - spread),
            "high": buyers + spread,
            "series": "expected buyers",
        }
    )
    x = alt.X("users:Q", title="users listed, the likeliest buyers first", axis=alt.Axis(format="~s"))
    drawn = charts.lines(
        frame, x=x, y=charts.amount("buyers", "expected buyers"), series="series", names=["expected buyers"]
    )
    band = charts.band(frame, x=x, low="low", high="high")
    charts.show(
        alt.layer(band, drawn, charts.rule(x=len(found.users))),
        alt_text="Expected buyers by users listed",
        height=210,
    )


show()
