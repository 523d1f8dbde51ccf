"""Operations: what the ledger tells, how trainings and rollouts stand, and the buttons that ask for something."""

import streamlit as st

from dashboard import access, asking, connections, reading, tables
from dashboard.frame import box, empty, head, told
from dashboard.wording import ago, when
from propensity.lifecycle import requests, rollout, trainings
from propensity.store import LedgerEntry

BY_PEOPLE = "by people"
"""What a person asked for or did: the audit."""
KINDS = (
    "all",
    BY_PEOPLE,
    "training",
    "promotion",
    "rollout",
    "rollback",
    "decision",
    "request",
    "export",
    "erasure",
)
SHOWN = 100
EVERY = 3
"""Seconds between two looks at what is under way."""


def show() -> None:
    """Draw the page."""
    head("Operations", "What was decided and done, what is under way, and what you may ask for.")
    may = access.may_operate()
    if not may:
        st.info("You may look, not press: log in as operator for the buttons.", icon=":material/lock:")
    one, two, three = st.columns(3)
    with one, box("Retrain", note="A training under way takes the reason up."):
        asking.retrain(may=may)
    with (
        two,
        box("Promote", note="The gate has judged each version; promoting one is your word against its."),
    ):
        asking.promote(may=may)
    with three, box("Roll back", note="The version that goes is never promoted automatically again."):
        asking.roll_back(may=may)
    _under_way()
    with box("Trainings", about="The newest 20, with what became of them."):
        _trainings()
    with box("Rollouts", about="The newest 20: how models reached the service."):
        _rollouts()
    with box("Ledger"):
        _ledger()


@st.fragment(run_every=EVERY)
def _under_way() -> None:
    """Show what has not ended, looking again every few seconds; Streamlit runs it past the login."""
    access.stay()
    with box("Under way", about="Looked at again every few seconds."), told():
        waiting = [one for one in reading.ledger(SHOWN, requests.KIND) if one.state == requests.ASKED]
        running = trainings.under_way(reading.ledger(SHOWN, trainings.KIND))
        rolling = [one for one in reading.ledger(20, rollout.KIND) if one.state not in rollout.ENDED]
        answered = [one for one in reading.ledger(3, requests.KIND) if one.state != requests.ASKED]
        if not waiting and not running and not rolling:
            st.caption("Nothing is under way.")
        for entry in (*waiting, *running, *rolling):
            _progress(entry)
        for entry in answered[:1]:
            st.caption(f"Last request, {entry.sequence}: {entry.evidence.get('action')} is {entry.state}.")
            st.text(str(entry.evidence.get("result", "")))


STEPS = {
    requests.KIND: (requests.ASKED, requests.DONE),
    trainings.KIND: (
        trainings.INTENDED,
        trainings.STARTED,
        trainings.RUNNING,
        trainings.REGISTERED,
        trainings.DONE,
    ),
    rollout.KIND: (rollout.INTENDED, rollout.ALIAS_SET, rollout.ANNOTATED, rollout.READY, rollout.DONE),
}
"""The states on the way, by kind."""


def _progress(entry: LedgerEntry) -> None:
    steps = STEPS[entry.kind]
    at = steps.index(entry.state) if entry.state in steps else 0
    what = entry.evidence.get("action") or entry.kind
    st.progress(
        (at + 1) / len(steps),
        text=f"Entry {entry.sequence}, {what}: {entry.state} since {ago(entry.updated_at, now=connections.now())}",
    )
    st.text(entry.reason)


def _trainings() -> None:
    entries = reading.ledger(20, trainings.KIND)
    if not entries:
        empty("Nothing was trained yet.", "propensity train")
        return
    tables.show(tables.trainings_table(entries), alt="Trainings", tall=True)


def _rollouts() -> None:
    entries = reading.ledger(20, rollout.KIND)
    if not entries:
        empty("Nothing was rolled out yet: the operator does it after a promotion.", "propensity operate")
        return
    tables.show(tables.ledger_table(entries), alt="Rollouts", tall=True)


def _ledger() -> None:
    kind = st.segmented_control("Kind", KINDS, default="all", required=True, label_visibility="collapsed")
    if kind == BY_PEOPLE:
        entries = reading.acts(SHOWN)
    else:
        entries = reading.ledger(SHOWN, None if kind == "all" else kind)
    if not entries:
        empty("The ledger has no such entry yet.", "propensity ledger")
        return
    tables.show(tables.ledger_table(entries), alt="The ledger", tall=True)
    number = st.selectbox("Evidence of entry", [one.sequence for one in entries])
    chosen = next(one for one in entries if one.sequence == number)
    st.text(chosen.reason)
    st.caption(" → ".join(f"{state} {when(at)}" for state, at in chosen.history))
    st.json(chosen.evidence, expanded=1)


show()
