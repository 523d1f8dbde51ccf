"""Users to target: whom to contact, with a control arm held back and recorded; and scoring of an uploaded list."""

import functools

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import access, campaigns, charts, connections, reading, tables, uploads
from dashboard.frame import box, empty, head
from dashboard.wording import NONE, share, when
from propensity.bundle import ModelDocument
from propensity.campaign.selection import CONTROL_SHARE, Control, Rule, Selection, at_least, budget, top
from propensity.campaign.spreadsheet import MAX_ROWS
from propensity.campaign.target_list import csv_again, csv_of, downloaded_again, record

RULES = ("The best", "Probability", "Budget")
PREVIEW = 100


def show() -> None:
    """Draw the page."""
    head(
        "Users to target",
        "Whom to contact, the likeliest buyers first; a share is held back so that the effect can be told.",
    )
    with box("Target list"):
        _target_list()
    with box("Recorded lists", about="Each was recorded when it was prepared; both arms are kept."):
        _recorded()
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
        held = st.slider("Held back as control", 0.0, 0.5, CONTROL_SHARE, 0.01, format="percent")
        control = Control(seed=connections.settings().seed, share=held)
    found = campaigns.selection(rule, control, cutoff)
    with right:
        _curve(found, cutoff)
    _reached(found, total=float(chances.sum()))
    _export(found)
    _preview(found)


def _rule(users: int) -> Rule:
    kind = st.segmented_control("Choose by", RULES, default=RULES[0], required=True)
    if kind == RULES[1]:
        return at_least(st.slider("Probability of at least", 0.0, 1.0, 0.1, 0.005, format="%.3f"))
    if kind == RULES[2]:
        one, two = st.columns(2)
        amount = one.number_input("Budget", 0.0, 1e9, 100.0)
        return budget(amount, cost=two.number_input("Cost of a contact", 0.01, 1e6, 0.5))
    return top(int(st.slider("Users", 1, max(2, users), max(1, users // 10))))


def _reached(found: Selection, *, total: float) -> None:
    lowest = float(found.probabilities[-1]) if len(found.users) else None
    curve = reading.document_of(found.model_version)
    point = _operating(lowest, curve) if curve else NONE
    days = "on the validation days" if curve else f"not known of version {found.model_version}"
    cards = (
        ("To contact", f"{found.treated:,}", f"{len(found.users) - found.treated:,} held back"),
        ("Expected buyers", f"{found.expected_buyers:,.0f}", f"of {total:,.0f} among all"),
        ("Threshold", f"{lowest:.4f}" if lowest is not None else NONE, "the last one listed"),
        ("Buyers reached", point, days),
    )
    for column, (label, value, beside) in zip(st.columns(4), cards, strict=True):
        column.metric(
            label, value, beside, delta_color="off", delta_arrow="off", border=True, height="stretch"
        )


def _operating(threshold: float | None, document: ModelDocument) -> str:
    """Return the recall that the operating curve gives at a threshold."""
    at = [
        one.recall for one in document.operating_curve if threshold is not None and one.threshold >= threshold
    ]
    return share(max(at)) if at else NONE


def _curve(found: Selection, cutoff: int) -> None:
    chances = campaigns.probabilities(cutoff)
    places = sorted({round(n * (len(chances) - 1) / 200) for n in range(201)})
    frame = pd.DataFrame(
        {
            "users": [place + 1 for place in places],
            "buyers": chances.cumsum()[places],
            "series": "expected buyers",
        }
    )
    x = alt.X("users:Q", title="users listed, the likeliest buyers first", axis=alt.Axis(format="~s"))
    drawn = charts.lines(
        frame, x=x, y=charts.amount("buyers", "expected buyers"), series="series", names=["expected buyers"]
    )
    charts.show(
        alt.layer(drawn, charts.rule(x=len(found.users))),
        alt_text="Expected buyers by users listed",
        height=210,
    )


def _export(found: Selection) -> None:
    """Record both arms first; only then is there something to download."""
    may = access.may_operate()
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    name = left.text_input("Name of the campaign", placeholder="autumn sale", disabled=not may).strip()
    pressed = right.button(
        "Record the list", type="primary", disabled=not (may and name and found.users), width="stretch"
    )
    if pressed and may:
        recorded = record(connections.store(), found, name=name, by=access.name(), at=connections.now())
        campaigns.target_lists.clear()
        st.session_state["list"] = (recorded.target_list.list_id, name, "".join(csv_of(found)))
        said = f"{recorded.new:,} contacts are new" if recorded.new else "it was recorded before"
        st.success(f"Recorded as {recorded.target_list.list_id}: {said}.", icon=":material/check:")
    if may and (ready := st.session_state.get("list")):
        list_id, title, content = ready
        st.download_button(
            f"Download the treated of {title!r}",
            content,
            file_name=f"targets-{list_id}.csv",
            mime="text/csv",
            on_click="ignore",
        )
    if not may:
        st.caption("Log in as operator to record and download lists.")


def _preview(found: Selection) -> None:
    frame = pd.DataFrame(
        {
            "user": found.users[:PREVIEW],
            "probability": found.probabilities[:PREVIEW],
            "arm": ["treated" if treated else "control" for treated in found.is_treated[:PREVIEW]],
        }
    )
    st.caption(f"The first {len(frame)} of {len(found.users):,}, model version {found.model_version}.")
    tables.show(frame, alt="The likeliest buyers", rows=8)


def _recorded() -> None:
    lists = campaigns.target_lists()
    if not lists:
        empty("No list was recorded yet.")
        return
    frame = pd.DataFrame(
        [
            (when(one.created_at), one.name, one.treated, one.control, one.rule, one.created_by)
            for one in lists
        ],
        columns=["when", "name", "treated", "control", "rule", "by"],
    )
    tables.show(frame, alt="Recorded lists", rows=8)
    if access.may_operate():
        titles = {one.list_id: f"{one.name}, {when(one.created_at)}" for one in lists}
        chosen = st.selectbox("Again", list(titles), format_func=titles.__getitem__)
        st.download_button(
            "Download again",
            access.guarded(functools.partial(_again, chosen, by=access.name())),
            file_name=f"targets-{chosen}.csv",
            mime="text/csv",
            on_click="ignore",
        )


def _again(list_id: str, *, by: str) -> str:
    """Return the list, and say so in the ledger first: a list of people leaves the house."""
    downloaded_again(connections.store(), list_id, by=by, at=connections.now())
    reading.ledger.clear()
    return "".join(csv_again(connections.store(), list_id))


show()
