"""Lists of users as they leave the house: looked at, recorded first, downloaded, and downloaded again."""

import functools
from typing import Final

import pandas as pd
import streamlit as st

from dashboard import access, campaigns, connections, reading, tables
from dashboard.frame import empty
from dashboard.prospects import places_of
from dashboard.wording import when
from propensity.campaign.selection import ARMS, Selection
from propensity.campaign.target_list import csv_again, csv_of, downloaded_again, record

PREVIEW: Final = 100


def record_it(found: Selection) -> None:
    """Record both arms first; only then is there something to download."""
    may = access.may_operate()
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    name = left.text_input("Name of the campaign", placeholder="autumn sale", disabled=not may).strip()
    why = left.text_input(
        "Why", placeholder="what the list is for; stands in the audit", disabled=not may
    ).strip()
    pressed = right.button(
        "Record the list", type="primary", disabled=not (may and name and found.users), width="stretch"
    )
    if pressed and may:
        recorded = record(
            connections.store(), found, name=name, by=access.name(), at=connections.now(), why=why
        )
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


def preview(found: Selection) -> None:
    """Show the best of a list, or of those on it that a person looks for."""
    left, right = st.columns([3, 1])
    part = left.text_input("Find users on the list", placeholder="a part of a user_id").strip()
    arm = right.selectbox("Arm", ("both", *ARMS))
    places = places_of(found, part=part, arm=arm)
    shown = places[:PREVIEW]
    frame = pd.DataFrame(
        {
            "user": [found.users[place] for place in shown],
            "probability": found.probabilities[shown],
            "arm": [ARMS[not found.is_treated[place]] for place in shown],
        }
    )
    st.caption(
        f"The first {len(frame)} of {len(places):,}, of {len(found.users):,} on the list; model version {found.model_version}."
    )
    tables.show(frame, alt="The likeliest buyers", rows=8)


def recorded() -> None:
    """List what was recorded, with a way to have it once more."""
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
    tables.show(frame, alt="Recorded lists", rows=5, tall=True)
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
