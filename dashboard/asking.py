"""The buttons that ask for something: each press writes a request into the ledger, and the operator takes it up.

A press is a callback, which Streamlit runs before the page: a second click stops the page's script half-way, and a
request written there would be lost with it. What is asked again while it still waits is one request.
"""

from typing import Literal, NamedTuple

import streamlit as st

from dashboard import access, connections, reading, registered
from dashboard.frame import empty
from propensity.errors import PropensityError
from propensity.lifecycle import requests
from propensity.lifecycle.requests import Action
from propensity.store import LedgerEntry


class Said(NamedTuple):
    """What came of a press."""

    is_done: bool
    sentence: str


def retrain(*, may: bool) -> None:
    """Draw the form that asks for a training."""
    with st.form("retrain form", border=False):
        _reason("retrain", "the summer collection is out", may=may)
        _button("retrain", "Retrain now", may=may)


def promote(*, may: bool) -> None:
    """Draw the form that asks for another champion."""
    champion = reading.champion_number()
    versions = [one for one in registered.versions() if one.number != champion]
    if not versions:
        empty("There is no other version to promote.", "propensity train")
        return
    with st.form("promote form", border=False):
        titles = {
            one.number: f"{one.number} ({one.verdict or 'not judged'}{', rejected' if one.rejected else ''})"
            for one in versions
        }
        st.selectbox(
            "Version", list(titles), format_func=titles.__getitem__, disabled=not may, key="promote version"
        )
        _reason("promote", "the campaign team asked for it", may=may)
        st.checkbox("Yes, change who answers", disabled=not may, key="promote sure")
        st.checkbox("Also where it was rolled back before", disabled=not may, key="promote force")
        _button("promote", "Promote", may=may)


def roll_back(*, may: bool) -> None:
    """Draw the form that asks for the version before."""
    if reading.champion_number() is None:
        empty("Nothing is in production, so there is nothing to go back from.", "propensity train")
        return
    with st.form("roll back form", border=False):
        _reason("roll back", "the campaign team sees nonsense", may=may)
        st.checkbox("Yes, go back to the version before", disabled=not may, key="roll back sure")
        _button("roll back", "Roll back", may=may)


def _reason(action: Action, example: str, *, may: bool) -> None:
    st.text_input("Reason", placeholder=example, disabled=not may, key=f"{action} reason")


def _button(action: Action, label: str, *, may: bool) -> None:
    """Draw the button, and what its last press came to."""
    kind: Literal["primary", "secondary"] = "primary" if action == "retrain" else "secondary"
    st.form_submit_button(label, type=kind, disabled=not may, on_click=_pressed, args=(action,))
    said: Said | None = st.session_state.pop(f"{action} said", None)
    if said is None:
        return
    if said.is_done:
        st.success(said.sentence, icon=":material/check:")
    else:
        st.error(said.sentence)


def _pressed(action: Action) -> None:
    """Write what the form says; runs before the page, so the page can only tell of it."""
    if not access.may_operate():
        return
    form = st.session_state
    try:
        said = _ask(
            action,
            str(form.get(f"{action} reason", "")).strip(),
            is_sure=bool(form.get(f"{action} sure", action == "retrain")),
            version=form.get("promote version") if action == "promote" else None,
            force=action == "promote" and bool(form.get("promote force")),
        )
    except PropensityError as error:
        said = Said(is_done=False, sentence=str(error))
    if said.is_done:
        for name, blank in (("reason", ""), ("sure", False), ("force", False)):
            if f"{action} {name}" in form:
                form[f"{action} {name}"] = blank
    form[f"{action} said"] = said


def _ask(action: Action, reason: str, *, is_sure: bool, version: str | None, force: bool) -> Said:
    if not reason or not is_sure:
        why = "Say why: the ledger keeps the reason." if is_sure else "Say why, and tick that you mean it."
        return Said(is_done=False, sentence=why)
    signed = f"{reason} ({access.name()})"
    entry = _waiting(action, signed, version=version) or requests.ask(
        action,
        reason=signed,
        store=connections.store(),
        clock=connections.now,
        version=version,
        force=force,
        actor=access.name(),
    )
    reading.ledger.clear()
    return Said(
        is_done=True, sentence=f"Ledger entry {entry.sequence}: the operator takes it up at its next look."
    )


def _waiting(action: Action, reason: str, *, version: str | None) -> LedgerEntry | None:
    """Return the same request where it still waits: a double click is one."""
    return next(
        (
            one
            for one in requests.open_requests(connections.store())
            if (one.evidence.get("action"), one.reason, one.subject) == (action, reason, version)
        ),
        None,
    )
