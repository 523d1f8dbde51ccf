"""What the pages read about campaigns: rankings, outcomes by score, recorded lists and what they brought."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.connections import now, store
from dashboard.reading import LONG, SOON
from propensity.campaign.outcomes import ScoredOutcomes, untreated_counts
from propensity.campaign.results import Responses, Window, responses_of_list
from propensity.campaign.selection import Control, Rule, Selection, select
from propensity.campaign.spread import edges_at, probabilities_at
from propensity.events.event import DAY
from propensity.store import TargetList


@st.cache_data(ttl=LONG, max_entries=4, show_spinner="Reading the scores …")
def probabilities(cutoff: int) -> NDArray[np.float64]:
    """Return all probabilities of a cutoff, the highest first: eight bytes a user."""
    return probabilities_at(store(), cutoff)


@st.cache_data(ttl=LONG, max_entries=8, show_spinner="Choosing users …")
def selection(rule: Rule, control: Control, cutoff: int) -> Selection:
    """Return whom a rule chooses at a cutoff."""
    return select(store(), rule, control=control, cutoff=cutoff)


@st.cache_data(ttl=LONG, show_spinner=False)
def outcome_cutoffs(days: int = 30) -> dict[int, int]:
    """Count the outcomes of each cutoff of the last days."""
    until = now()
    return store().outcomes.cutoffs(since=until - days * DAY, until=until)


@st.cache_data(ttl=LONG, max_entries=8, show_spinner="Counting outcomes …")
def outcomes(cutoff: int) -> ScoredOutcomes:
    """Count a cutoff's outcomes by probability, without the users whom a campaign contacted."""
    return untreated_counts(store(), cutoff, edges_at(store(), cutoff))


@st.cache_data(ttl=SOON, show_spinner=False)
def target_lists(limit: int = 50) -> list[TargetList]:
    """Return the newest target lists."""
    return store().contacts.lists(limit)


@st.cache_data(ttl=LONG, max_entries=20, show_spinner="Looking up who bought …")
def responses(list_id: str, within: Window) -> Responses:
    """Return what a recorded list's users did."""
    return responses_of_list(store(), list_id, within=within)
