"""The doors of the dashboard: clock, environment, store and registry; who did not answer is left alone for a moment.

A page must open while MLflow or the store is away, and each of its boxes asks: only the first one waits.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import streamlit as st

from propensity.errors import PropensityError, RegistryUnavailable, StoreUnavailable
from propensity.settings import Settings, read_settings
from propensity.store import Store, open_store

if TYPE_CHECKING:
    from propensity.registry import Registry

PAUSE: Final = 10.0
"""Seconds that who did not answer is left alone."""
PATIENCE: Final = 3
"""Seconds that MLflow may take for an answer: a person is waiting."""


def now() -> int:
    """Return the time in microseconds since the epoch."""
    return time.time_ns() // 1000


@st.cache_resource
def settings() -> Settings:
    """Read the environment once."""
    return read_settings()


@st.cache_resource(show_spinner=False, on_release=lambda store: store.close())
def _opened_store() -> Store:
    return open_store(settings().store_uri.get_secret_value(), timeout=PATIENCE)


@st.cache_resource(show_spinner="Opening the registry …")
def _opened_registry() -> "Registry":
    from propensity.registry import Registry  # noqa: PLC0415 - takes seconds, and Overview has no use for it

    return Registry(
        settings().tracking_uri, artifacts=settings().home / "artifacts", retries=0, timeout=PATIENCE
    )


@st.cache_data(ttl=PAUSE, show_spinner=False)
def _store_says() -> str:
    return _said(lambda: _opened_store().ping())


@st.cache_data(ttl=PAUSE, show_spinner=False)
def _registry_says() -> str:
    return _said(lambda: _opened_registry().ping())


def _said(ask: Callable[[], None]) -> str:
    try:
        ask()
    except PropensityError as error:
        return str(error)
    return ""


def store() -> Store:
    """Return the store; StoreUnavailable where it did not answer just now."""
    if said := _store_says():
        raise StoreUnavailable(said)
    return _opened_store()


def registry() -> "Registry":
    """Return the registry; RegistryUnavailable where it did not answer just now."""
    if said := _registry_says():
        raise RegistryUnavailable(said)
    return _opened_registry()


@st.cache_resource(show_spinner=False)
def warm_up() -> None:
    """Import what takes seconds while a person reads the first page."""
    threading.Thread(target=_registry_says, name="warm-up", daemon=True).start()
