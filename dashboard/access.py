"""Who may look and who may press buttons: passwords from a Secret, OIDC by Streamlit, or nobody asks on a laptop.

A password is the text of a file in one folder, `reader` or `operator`, read at each attempt, so that a rotated Secret
counts at once. Attempts of the whole process are counted: guessing is slowed down whoever does it. A login lasts as long
as the browser's tab.
"""

import hmac
import time
from pathlib import Path
from typing import Final, Literal

import streamlit as st

from dashboard import reading
from propensity.errors import SettingsError
from propensity.settings import Settings

Role = Literal["reader", "operator"]
ROLES: Final[tuple[Role, ...]] = ("operator", "reader")
WHO: Final = "who"
MAX_FAILURES: Final = 10
"""Wrong passwords after which nobody gets in for a while."""
PAUSE_SECONDS: Final = 60.0


class Door:
    """Counts wrong passwords of everybody."""

    def __init__(self) -> None:
        self._failures: list[float] = []

    def is_shut(self, now: float) -> bool:
        """Whether there were too many of them lately."""
        self._failures = [at for at in self._failures if now - at < PAUSE_SECONDS]
        return len(self._failures) >= MAX_FAILURES

    def failed(self, now: float) -> None:
        """Remember one."""
        self._failures.append(now)


@st.cache_resource
def _door() -> Door:
    return Door()


def check(settings: Settings) -> None:
    """Raise SettingsError where nobody would be asked who they are, and it is no laptop."""
    if settings.platform != "embedded" and not (settings.dashboard_access or settings.dashboard_oidc):
        raise SettingsError(
            "The dashboard would be open to everybody. Set PROPENSITY_DASHBOARD_ACCESS to a folder of passwords, or "
            "PROPENSITY_DASHBOARD_OIDC."
        )
    if settings.dashboard_access and not any(passwords(settings).values()):
        raise SettingsError(
            f"{settings.dashboard_access} holds no password. Write one into its file `reader` or `operator`."
        )


def passwords(settings: Settings) -> dict[Role, str]:
    """Return the password of each role; empty where there is none, which lets nobody in."""
    return {role: _text(Path(settings.dashboard_access) / role) for role in ROLES}


def role_of(given: str, settings: Settings) -> Role | None:
    """Return the role a password opens, compared in constant time."""
    found: Role | None = None
    for role, password in passwords(settings).items():
        same = hmac.compare_digest(given.encode(), password.encode())
        if password and same and found is None:
            found = role
    return found


def enter() -> None:
    """Let the rest of the script run only for who may see it."""
    settings = reading.settings()
    check(settings)
    if settings.dashboard_oidc:
        _enter_by_oidc()
    elif settings.dashboard_access and WHO not in st.session_state:
        _ask(settings)
        st.stop()


def may_operate() -> bool:
    """Whether this person may press the buttons."""
    settings = reading.settings()
    if settings.dashboard_oidc:
        allowed = {one.strip().lower() for one in settings.dashboard_operators.split(",")} - {""}
        return str(st.user.get("email") or "").lower() in allowed and bool(
            st.user.get("email_verified", True)
        )
    if settings.dashboard_access:
        return bool(st.session_state.get(WHO) == "operator")
    return True


def name() -> str:
    """Return who presses a button, for the ledger."""
    if reading.settings().dashboard_oidc:
        return str(st.user.get("email") or st.user.get("sub") or "somebody")
    return str(st.session_state.get(WHO, "laptop"))


def show_who() -> None:
    """Say at the side who is in, with the way out."""
    settings = reading.settings()
    with st.sidebar:
        if settings.dashboard_oidc:
            st.caption(name() if may_operate() else f"{name()}, read-only")
            st.button("Log out", on_click=st.logout)
        elif settings.dashboard_access:
            st.caption(f"Logged in as {st.session_state[WHO]}")
            st.button("Log out", on_click=lambda: st.session_state.pop(WHO, None))


def _ask(settings: Settings) -> None:
    with st.columns([1, 2, 1])[1], st.form("login", border=True):
        st.subheader("Propensity", anchor=False)
        given = st.text_input("Password", type="password")
        if not st.form_submit_button("Log in", type="primary"):
            return
        door, now = _door(), time.monotonic()
        role = None if door.is_shut(now) else role_of(given, settings)
        if role is None:
            door.failed(now)
            st.error("That is not it. After ten wrong passwords nobody gets in for a minute.")
            return
    st.session_state[WHO] = role
    st.rerun()


def _enter_by_oidc() -> None:
    if not st.user.get("is_logged_in"):
        st.subheader("Propensity", anchor=False)
        st.button("Log in", on_click=st.login, type="primary")
        st.stop()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SettingsError(f"{path} can't be read ({error}). Set PROPENSITY_DASHBOARD_ACCESS.") from error
