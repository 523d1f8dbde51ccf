"""Business: does the score find buyers, how deep to go down the list, and what a campaign brought."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from dashboard import campaigns, charts, effects, reading
from dashboard.frame import box, empty, head
from dashboard.wording import share, when
from propensity import proportions
from propensity.campaign.deciles import conversion_by_decile, lift_curve
from propensity.campaign.outcomes import ScoredOutcomes
from propensity.campaign.planner import Plan, plan
from propensity.proportions import Z95


def show() -> None:
    """Draw the page."""
    head("Business", "Does the score find buyers, how deep to go down the list, and what a campaign brought.")
    with box(
        "Campaign planner",
        about="What contacting everyone above a threshold is expected to earn.",
        note="Best is cost / (value x share caused): calibrated probabilities are all it takes.",
    ):
        _planner()
    left, right = st.columns(2)
    cutoff = None
    with (
        left,
        box(
            "Conversion by score",
            about="Groups of one cutoff's users by score, 1 the best, without those contacted; with 95 % intervals.",
            note="Tenths; who shares a score stands in one group, so there may be fewer.",
        ),
    ):
        cutoff = _choose_cutoff()
        if cutoff is not None:
            _deciles(campaigns.outcomes(cutoff))
    with right, box("Lift", about="Share of all buyers among the best-scored users, of the same cutoff."):
        if cutoff is None:
            st.caption("Nothing to draw yet.")
        else:
            _lift(campaigns.outcomes(cutoff))
    with box("Campaign results", about="Treated against the control arm that was held back."):
        effects.of_recorded_list()
    with box(
        "Results of another tool's list", about="A CSV with the columns user_id and arm (treated or control)."
    ):
        effects.of_uploaded_list()


def _planner() -> None:
    cutoffs = reading.cutoffs(1)
    if not cutoffs:
        empty("Nobody was scored yet.", "propensity score")
        return
    one, two, three = st.columns(3)
    cost = one.number_input("Cost of a contact", 0.0, 1e6, 0.1, format="%.2f")
    value = two.number_input("Value of an order", 0.0, 1e9, 10.0, format="%.2f")
    caused = three.slider(
        "Share of orders the contact causes",
        0.01,
        1.0,
        0.2,
        format="percent",
        help="1 counts every order as earned, which flatters every campaign. A campaign with a control arm measures it.",
    )
    chances = campaigns.probabilities(cutoffs[0])
    found = plan(chances, cost=cost, value=value, caused=caused)
    contacted = chances[: found.best.contacts]
    _plan_cards(found, by=Z95 * float(np.sqrt((contacted * (1 - contacted)).sum())))
    frame = pd.DataFrame(
        [
            (one.contacts, one.profit.value, one.profit.low, one.profit.high, one.threshold)
            for one in found.curve
        ],
        columns=["contacts", "profit", "low", "high", "threshold"],
    )
    x = alt.X("contacts:Q", title="users contacted, the likeliest buyers first", axis=alt.Axis(format="~s"))
    line = charts.lines(
        frame.assign(series="profit"),
        x=x,
        y=charts.amount("profit", "expected profit", zero=False),
        series="series",
        names=["profit"],
    )
    layers = alt.layer(
        charts.band(frame, x=x, low="low", high="high"), line, charts.rule(x=found.best.contacts)
    )
    charts.show(layers, alt_text="Expected profit by users contacted")
    st.caption(
        f"Scores of {when(cutoffs[0])}, {len(chances):,} users; buyers within a day. The band is what chance alone leaves, 95 times of 100; the probabilities are taken as true."
    )


def _plan_cards(found: Plan, *, by: float) -> None:
    """Write the best point; `by` is how far chance alone may take the buyers from their number, 95 times of 100."""
    best = found.best
    buyers = best.expected_buyers
    cards = (
        (
            "Best threshold",
            f"{found.break_even:.3g}" if found.break_even <= 1 else "none",
            "a contact just pays",
        ),
        ("Contacts", f"{best.contacts:,}", "at or above it"),
        ("Expected buyers", f"{buyers:,.0f}", f"95 %: {max(0.0, buyers - by):,.0f} to {buyers + by:,.0f}"),
        (
            "Expected profit",
            f"{best.profit.value:,.0f}",
            f"95 %: {best.profit.low:,.0f} to {best.profit.high:,.0f}",
        ),
    )
    for column, (label, value, beside) in zip(st.columns(4), cards, strict=True):
        column.metric(label, value, beside, delta_color="off", delta_arrow="off", border=True)


def _choose_cutoff() -> int | None:
    counts = campaigns.outcome_cutoffs()
    if not counts:
        empty(
            "No outcome is known yet. Score users, wait a day, then watch.",
            "propensity score\npropensity monitor",
        )
        return None
    newest_first = sorted(counts, reverse=True)
    return int(
        st.selectbox("Cutoff", newest_first, format_func=lambda one: f"{when(one)}: {counts[one]:,} users")
    )


def _deciles(seen: ScoredOutcomes) -> None:
    bought = seen.bought
    tenths = conversion_by_decile(seen.probabilities, bought)
    frame = pd.DataFrame(
        [(one.number, one.arm.users, one.arm.buyers, one.conversion.value, one.conversion.low, one.conversion.high) for one in tenths],
        columns=["tenth", "users", "buyers", "conversion", "low", "high"],
    )  # fmt: skip
    x = alt.X("tenth:O", title="tenth by score, ties together", axis=alt.Axis(labelAngle=0))
    drawn = charts.bars(frame, x=x, y=charts.amount("conversion", "share who bought", percent=True))
    spread = (
        alt.Chart(frame)
        .mark_rule(color=charts.GREY, size=2)
        .encode(x=x, y=alt.Y("low:Q", title=""), y2="high:Q")
    )
    charts.show(alt.layer(drawn, spread), alt_text="Conversion by tenth")
    st.caption(
        f"{len(bought):,} users, {int(bought.sum()):,} bought within a day; all of them would be {share(float(bought.mean()) if len(bought) else 0)}. "
        f"Left out: {seen.left_out:,} users whom a campaign contacted."
    )


def _lift(seen: ScoredOutcomes) -> None:
    found = lift_curve(seen.probabilities, seen.bought)
    frame = pd.DataFrame({"users": found.share, "buyers": found.value, "series": "by score"})
    x = alt.X(
        "users:Q", title="users, the best first", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])
    )
    drawn = charts.lines(
        frame,
        x=x,
        y=charts.amount("buyers", "of all buyers", percent=True),
        series="series",
        names=["by score"],
    )
    charts.show(alt.layer(charts.diagonal(), drawn), alt_text="Lift curve", height=330)
    at = float(np.interp(0.1, found.share, found.value))
    buyers = int(seen.bought.sum())
    one = proportions.share(round(at * buyers), buyers)
    st.caption(
        f"The best tenth of users holds {share(at)} (95 %: {share(one.low)} to {share(one.high)}) of the {buyers:,} buyers: "
        f"{at / 0.1:.1f} times ({one.low / 0.1:.1f} to {one.high / 0.1:.1f}) as many as a tenth drawn by lot."
    )


show()
