"""Whom a campaign persuades: its effect by tenth of the score, and how much of it the best-scored bring (Qini).

Likely buyers often buy anyway, so a list that finds buyers need not find users whom a contact makes buy.
"""

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import charts
from propensity.campaign.deciles import LEAST_BUYERS, LEAST_USERS, Qini, UpliftDecile, qini, uplift_by_decile
from propensity.campaign.results import Responses


def of_list(found: Responses, *, seed: int) -> None:
    """Draw both for a list whose users the model had scored; nothing where an arm is empty."""
    if found.probabilities is None or found.is_treated.all() or not found.is_treated.any():
        return
    left, right = st.columns(2)
    with left:
        _tenths(uplift_by_decile(found.probabilities, is_treated=found.is_treated, bought=found.bought))
    with right:
        _curve(qini(found.probabilities, is_treated=found.is_treated, bought=found.bought, seed=seed))


def _tenths(tenths: list[UpliftDecile]) -> None:
    frame = pd.DataFrame(
        [
            (
                one.number,
                one.uplift.value,
                one.uplift.low,
                one.uplift.high,
                one.treated.users,
                one.control.users,
            )
            for one in tenths
            if one.treated.users and one.control.users
        ],
        columns=["tenth", "uplift", "low", "high", "treated", "control"],
    )
    x = alt.X("tenth:O", title="tenth of the list by score, 1 the best", axis=alt.Axis(labelAngle=0))
    y = charts.amount("uplift", "bought, treated less control", percent=True)
    spread = alt.Chart(frame).mark_rule(color=charts.GREY, size=2)
    points = alt.Chart(frame).mark_point(filled=True, size=70, color=charts.BLUE)
    charts.show(
        alt.layer(
            charts.rule(y=0, colour=charts.GREY),
            spread.encode(x=x, y=alt.Y("low:Q", title=""), y2="high:Q"),
            points.encode(x=x, y=y, tooltip=list(frame.columns)),
        ),
        alt_text="Uplift by tenth of the score",
    )
    st.caption("Uplift by score with 95 % intervals; a tenth without users in both arms is left out.")


def _curve(found: Qini) -> None:
    ends = found.curve.value[-1]
    frame = pd.DataFrame({"users": found.curve.share, "buyers": found.curve.value, "series": "by score"})
    line = pd.DataFrame({"users": [0.0, 1.0], "buyers": [0.0, ends], "series": "by lot"})
    drawn = charts.lines(
        pd.concat([frame, line]),
        x=alt.X("users:Q", title="of the list treated, the best first", axis=alt.Axis(format="%")),
        y=charts.amount("buyers", "buyers it brought", zero=False),
        series="series",
        names=["by score", "by lot"],
        palette=(charts.BLUE, charts.GREY),
    )
    charts.show(drawn, alt_text="Qini curve")
    one = found.coefficient
    verdict = (
        "the score finds users whom a contact makes buy" if found.finds == "persuadable"
        else "the score finds users whom a contact keeps from buying" if found.finds == "put off"
        else "not shown that the score finds users to persuade" if found.is_enough
        else f"too few to tell: that takes {LEAST_USERS} users and {LEAST_BUYERS} buyers in each arm, and the control "
        f"arm has {found.control.users:,} and {found.control.buyers:,}"
    )  # fmt: skip
    st.caption(f"Qini coefficient {one.value:.4f}, 95 %: {one.low:.4f} to {one.high:.4f}: {verdict}.")
