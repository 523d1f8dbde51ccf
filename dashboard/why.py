"""Why this user: the exact contribution of each feature to one answer, for a user of the newest scores or of the store."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from dashboard import charts, reading
from dashboard.frame import empty
from dashboard.wording import plain, share, when
from propensity.bundle import Bundle
from propensity.explanation import Explanation
from propensity.features.definition import NAMES

SHOWN = 12
"""Contributions drawn by themselves; the rest is one bar."""


def ask(bundle: Bundle) -> None:
    """Let a person name a user, and draw why."""
    user_id = st.text_input("User", placeholder="a user_id of your log", key="why").strip()
    if not user_id:
        best = reading.best_user()
        if best is None:
            empty("Name a user, or score all active users first.", "propensity score")
            return
        user_id = best
        st.caption("The likeliest buyer of the newest scores:")
    st.code(user_id, language=None)
    row, cutoff = reading.row_of(user_id, lag=bundle.document.lag)
    if row is None:
        st.info("The store knows no event of this user.", icon=":material/inbox:")
        return
    order = [NAMES.index(name) for name in bundle.document.features]
    _draw(
        reading.explainer(bundle.digest, _bundle=bundle).explain(np.asarray(row, dtype=np.float32)[order]),
        cutoff,
    )


def _draw(found: Explanation, cutoff: int) -> None:
    frame = _frame(found)
    y = alt.Y("feature:N", title=None, sort=None, axis=alt.Axis(labelLimit=260))
    colour = alt.Color("pushes:N", scale=charts.colours(["up", "down"], (charts.BLUE, charts.ORANGE)), legend=alt.Legend(orient="top", title=None))  # fmt: skip
    drawn = alt.Chart(frame).mark_bar(cornerRadiusEnd=2).encode(
        x=alt.X("contribution:Q", title=f"added to the {found.unit}"), y=y, color=colour, tooltip=list(frame.columns)
    )  # fmt: skip
    charts.show(
        alt.layer(drawn, charts.rule(x=0, colour=charts.GREY, dashed=False)),
        alt_text="Contributions",
        height=26 * len(frame) + 60,
    )
    st.caption(
        f"Probability {share(found.probability)} at {when(cutoff)}. Before calibration: {found.base:.4f} on average, and all "
        f"contributions together make it {found.raw:.4f} ({found.unit})."
    )


def _frame(found: Explanation) -> pd.DataFrame:
    rows = [
        (f"{plain(one.feature)} = {one.value:g}", one.contribution) for one in found.contributions[:SHOWN]
    ]
    rest = found.contributions[SHOWN:]
    if rest:
        rows.append((f"{len(rest)} others", sum(one.contribution for one in rest)))
    frame = pd.DataFrame(rows, columns=["feature", "contribution"])
    return frame.assign(pushes=np.where(frame["contribution"] >= 0, "up", "down"))
