"""Do live answers keep the promise that a version was promoted on? Asked for a while after its rollout.

The promise is the share of users at or above the threshold on the test days. Who is asked for is no random user, so it
allows for traffic: by as much as the version before was off its own promise, the new one may be off, too. What is left
is the model's doing, and further off than the tolerance plus three standard errors it is not the model that was gated.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Final, NamedTuple

from propensity.bundle import Estimate
from propensity.errors import BrokenBundle
from propensity.lifecycle.champion import bundle_of
from propensity.settings import Settings
from propensity.store import Champion, LedgerEntry, Prediction, Store

LATEST: Final = 2_000
"""Newest predictions that are looked at."""
ERRORS: Final = 3.0
"""Standard errors of a share that chance is allowed."""
UNKNOWN_USER: Final = "default"
"""Where features came from when nothing was known: such answers say nothing of the model."""


class Answers(NamedTuple):
    """How a version answered, one answer for each user."""

    users: int
    """Different ones: users whose features are all the same are one."""
    share: float
    """At or above the threshold."""


NOBODY: Final = Answers(0, 0.0)


def broken_promise(rollout: LedgerEntry, champion: Champion, *, store: Store, settings: Settings) -> str:
    """Say how a champion that was rolled out breaks its promise; empty where it keeps it."""
    promised = bundle_of(store, champion.digest).document.contact_share
    before, promised_before = Answers(*rollout.evidence["answers_before"]), promised
    try:
        promised_before = bundle_of(
            store, rollout.evidence["before"].partition("@")[2]
        ).document.contact_share
    except BrokenBundle:  # nothing is known of the traffic then
        before = NOBODY
    return complaint(
        latest_answers(champion.version, store=store, since=rollout.at),
        promised=promised,
        before=before,
        promised_before=promised_before,
        least_users=settings.rollout_watch_users,
        tolerance=settings.rollout_watch_tolerance,
    )


def latest_answers(version: str, *, store: Store, since: int = 0) -> Answers:
    """Sum up what a version answered lately."""
    return answers_of(version, store.predictions.latest(LATEST), since=since)


def answers_of(version: str, predictions: Sequence[Prediction], *, since: int = 0) -> Answers:
    """Sum up what a version answered, from predictions given newest first."""
    newest: dict[str, Prediction] = {}
    for one in predictions:
        if one.model_version == version and one.predicted_at >= since and one.features_from != UNKNOWN_USER:
            newest.setdefault(one.user_id, one)
    if not newest:
        return NOBODY
    rows = {one.features for one in newest.values()}
    return Answers(len(rows), sum(one.prediction for one in newest.values()) / len(newest))


def complaint(
    live: Answers,
    *,
    promised: Estimate,
    before: Answers,
    promised_before: Estimate,
    least_users: int,
    tolerance: float,
) -> str:
    """Say in a sentence how the answers break the promise; empty where they keep it or too few were asked for."""
    if live.users < least_users:
        return ""
    traffic = before.share - promised_before.value if before.users >= least_users else 0.0
    low = _within(min(promised.low, promised.low + traffic))
    high = _within(max(promised.high, promised.high + traffic))
    if low - _slack(low, live, tolerance) <= live.share <= high + _slack(high, live, tolerance):
        return ""
    return (
        f"It puts {live.share:.0%} of {live.users:,} live users at or above its threshold; its test days and the "
        f"traffic make that {low:.0%} to {high:.0%} (tolerance {tolerance:.0%})."
    )


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))


def _slack(share: float, live: Answers, tolerance: float) -> float:
    """Return how far from a share is still no break of the promise."""
    return tolerance + ERRORS * sqrt(share * (1 - share) / live.users)
