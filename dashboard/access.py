"""Lets people in: by a password, by OIDC as Streamlit does it, or without a question on a laptop.

A login lasts as long as the browser's tab: Streamlit keeps no cookie of its own but OIDC's.
"""

import functools
import time
from collections.abc import Callable
from typing import Final

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard import connections
from dashboard.admitted import ADMITTED, always
from dashboard.door import DOOR, caller
from dashboard.roles import LONGEST, Role, check, role_of, stamp
from propensity.errors import PropensityError, SettingsError
from propensity.settings import Settings

WHO: Final = "who"
STAMP: Final = "stamp"
"""Of the password that let this tab in: another one ends its stay."""
SHUT: Final = (
    "Too many wrong passwords came from your address. This one was not looked at: try again in a minute."
)


class NotAllowed(PropensityError):
    """Whoever asked may not, or may no longer."""


def enter() -> None:
    """Let the rest of the script run only for who may see it."""
    settings = connections.settings()
    check(settings)
    if settings.dashboard_oidc:
        _enter_by_oidc()
    elif settings.dashboard_access and not _is_in(settings):
        if WHO in st.session_state:
            _leave()
        _ask(settings)
        st.stop()
    ADMITTED.add(_session(), holds=_still_holds(settings))


def stay() -> None:
    """Send a part of a page that runs by itself to the door, where its person is in no longer."""
    if _session() not in ADMITTED:
        st.rerun(scope="app")


def guarded(make: Callable[[], str]) -> Callable[[], str]:
    """Return what makes a download for operators: Streamlit runs it past the pages, whenever the browser asks."""
    session, may = _session(), may_operate()

    def made() -> str:
        if not may or session not in ADMITTED:
            raise NotAllowed("Log in as operator to download a list.")
        return make()

    return made


def may_operate() -> bool:
    """Whether this person may press the buttons."""
    settings = connections.settings()
    if settings.dashboard_oidc:
        allowed = {one.strip().lower() for one in settings.dashboard_operators.split(",")} - {""}
        is_verified = (
            st.user.get("email_verified") is True
        )  # some providers write it as text, others leave it out
        return is_verified and str(st.user.get("email") or "").lower() in allowed
    if settings.dashboard_access:
        return _is_in(settings) and bool(st.session_state.get(WHO) == "operator")
    return True


def name() -> str:
    """Return who presses a button, for the ledger."""
    if connections.settings().dashboard_oidc:
        return str(st.user.get("email") or st.user.get("sub") or "somebody")
    return str(st.session_state.get(WHO, "laptop"))


def show_who() -> None:
    """Say at the side who is in, with the way out."""
    settings = connections.settings()
    with st.sidebar:
        if settings.dashboard_oidc:
            st.caption(name() if may_operate() else f"{name()}, read-only")
            st.button("Log out", on_click=st.logout)
        elif settings.dashboard_access:
            st.caption(f"Logged in as {st.session_state[WHO]}")
            st.button("Log out", on_click=_leave)


def _is_in(settings: Settings) -> bool:
    """Whether this tab logged in with a password that still holds."""
    who = st.session_state.get(WHO)
    return who is not None and st.session_state.get(STAMP) == stamp(who, settings)


def _still_holds(settings: Settings) -> Callable[[], bool]:
    """Return what tells, from any thread, whether the login of this tab still holds."""
    if settings.dashboard_oidc or not settings.dashboard_access:
        return always
    return functools.partial(_is_of, st.session_state[WHO], st.session_state[STAMP], settings)


def _is_of(who: Role, known: str, settings: Settings) -> bool:
    try:
        return stamp(who, settings) == known
    except SettingsError:
        return False


def _leave() -> None:
    """Forget everything of this tab: the next person at it may be another."""
    st.session_state.clear()
    ADMITTED.remove(_session())


def _session() -> str:
    context = get_script_run_ctx()
    return context.session_id if context else ""


def _ask(settings: Settings) -> None:
    with st.columns([1, 2, 1])[1], st.form("login", border=True):
        st.subheader("Propensity", anchor=False)
        given = st.text_input("Password", type="password", max_chars=LONGEST)
        if not st.form_submit_button("Log in", type="primary"):
            return
        address, now = caller(), time.monotonic()
        is_shut = DOOR.is_shut(address, now)
        role = DOOR.opens(lambda: role_of(given, settings), address=address, now=now)
        if role is None:
            st.error(SHUT if is_shut else "That is not it. Ten wrong ones close the door for a minute.")
            return
    st.session_state[WHO], st.session_state[STAMP] = role, stamp(role, settings)
    st.rerun()


def _enter_by_oidc() -> None:
    if not st.user.get("is_logged_in"):
        st.subheader("Propensity", anchor=False)
        ADMITTED.remove(_session())
        st.button("Log in", on_click=st.login, type="primary")
        st.stop()
