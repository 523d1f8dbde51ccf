"""What the pages read of the store: bounded questions, each answered from memory for a while.

Streamlit runs a page anew at every click, so nothing may be asked twice a second; and a page must open while MLflow or
the store is away, see `connections`.
"""

from typing import Final

import streamlit as st

from dashboard import latency
from dashboard.connections import now, settings, store
from dashboard.latency import Speed
from propensity.bundle import Bundle, ModelDocument
from propensity.events import Refusal
from propensity.explanation import Explainer
from propensity.features.online import user_features
from propensity.lifecycle import audit
from propensity.lifecycle.champion import bundle_of, champion_of
from propensity.model import Model
from propensity.store import Champion, EventSummary, IngestRecord, LedgerEntry, MonitorWindow

SOON: Final = 5.0
"""Seconds that what people wait for is kept: the ledger."""
A_WHILE: Final = 30.0
"""Seconds that traffic and monitor are kept."""
LONG: Final = 600.0
"""Seconds that what changes with a training or a score run is kept."""


@st.cache_data(ttl=SOON, show_spinner=False)
def champion() -> Champion | None:
    """Return the record of the model in production."""
    return store().champion()


@st.cache_resource(max_entries=4, show_spinner=False)
def bundle(digest: str) -> Bundle:
    """Return a bundle that was promoted once; it never changes."""
    return bundle_of(store(), digest)


def document() -> ModelDocument:
    """Return what the champion's numbers mean; NoChampion where there is none."""
    return bundle(champion_of(store()).digest).document


@st.cache_data(ttl=A_WHILE, show_spinner=False)
def speed(*, since: int, until: int) -> Speed | None:
    """Measure the answers of a window, by a bounded sample of each ten minutes."""
    found = store().predictions.times(since=since, until=until, width=latency.STRETCH, limit=latency.SAMPLE)
    return latency.speed(found)


@st.cache_data(ttl=A_WHILE, show_spinner=False)
def traffic(*, since: int, until: int, width: int) -> list[int]:
    """Count answers by stretches of time."""
    return store().predictions.histogram(since=since, until=until, width=width)


@st.cache_data(ttl=A_WHILE, show_spinner=False)
def windows(limit: int = 60) -> list[MonitorWindow]:
    """Return what the monitor found, the newest first."""
    return store().windows.latest(limit)


@st.cache_data(ttl=SOON, show_spinner=False)
def ledger(limit: int, kind: str | None = None) -> list[LedgerEntry]:
    """Return the newest entries."""
    return store().ledger.latest(limit, kind)


@st.cache_data(ttl=SOON, show_spinner=False)
def acts(limit: int) -> list[LedgerEntry]:
    """Return the newest entries that a person stands behind."""
    return audit.acts(store(), limit)


@st.cache_data(ttl=A_WHILE, show_spinner=False)
def events() -> EventSummary:
    """Count the events and say what time they span."""
    return store().events.summary()


@st.cache_data(ttl=A_WHILE, show_spinner=False)
def ingests(limit: int = 20) -> list[IngestRecord]:
    """Return which files were taken in."""
    return store().ingests.latest(limit)


@st.cache_data(ttl=A_WHILE, show_spinner=False)
def reports(limit: int = 30) -> list[str]:
    """Return the names of the newest drift reports."""
    return store().reports.names(limit)


@st.cache_data(ttl=LONG, max_entries=3, show_spinner="Fetching the report …")
def report(name: str) -> bytes | None:
    """Return a drift report."""
    return store().reports.get(name)


@st.cache_data(ttl=A_WHILE, show_spinner=False)
def refused(limit: int = 200) -> list[Refusal]:
    """Return the newest rows that could not be events."""
    return store().refused.latest(limit)


@st.cache_data(ttl=A_WHILE, show_spinner=False)
def refused_counts() -> dict[str, int]:
    """Count refused rows by reason."""
    return store().refused.counts()


def champion_number() -> str | None:
    """Return which version is in production."""
    found = champion()
    return found.version if found else None


@st.cache_resource(max_entries=2, show_spinner="Loading the model …")
def model(digest: str, _bundle: Bundle) -> Model:
    """Return a bundle made able to answer."""
    _bundle.expect(digest)
    return Model(_bundle, threads=settings().workers)


@st.cache_resource(max_entries=2, show_spinner="Reading the model …")
def explainer(digest: str, _bundle: Bundle) -> Explainer:
    """Return what explains a bundle's answers."""
    return Explainer(model(digest, _bundle))


@st.cache_data(ttl=A_WHILE, show_spinner=False)
def cutoffs(limit: int = 30) -> list[int]:
    """Return the newest cutoffs that have scores."""
    return store().scores.cutoffs(limit)


@st.cache_data(ttl=A_WHILE, show_spinner=False)
def best_user() -> str | None:
    """Return the likeliest buyer of the newest scores."""
    newest = cutoffs(1)
    best = store().scores.top(newest[0], 1) if newest else []
    return best[0].user_id if best else None


def row_of(user_id: str, *, lag: int) -> tuple[list[float] | None, int]:
    """Return a user's feature row at the newest cutoff, or now where nobody was scored; by one bounded read."""
    newest = cutoffs(1)
    cutoff = newest[0] if newest else now()
    return user_features(store().events, user_id, cutoff=cutoff, lag=lag), cutoff
