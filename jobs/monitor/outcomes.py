"""Outcomes: did the users who were scored buy? Joined once a cutoff's 24 hours are over and late events have come.

A cutoff is taken up while outcomes are missing, so a run that was killed is finished by the next one, and for some
days after, so that a purchase that arrives late corrects its outcome, once. Purchases are read a day of cutoffs at a
time: memory holds two days' purchases and a chunk of scores, however long the log is.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from propensity.events.event import DAY, HOUR
from propensity.features.definition import LABEL_WINDOW
from propensity.settings import Settings
from propensity.store import Outcome, Score, Store

log = logging.getLogger(__name__)

CUTOFFS: Final = 1_000
"""Newest cutoffs looked at: a score every hour for six weeks."""
CATCH_UP: Final = 30 * DAY
"""How old a cutoff without outcomes may be: what a monitor that was away for weeks still joins."""
CORRECTED_FOR: Final = 7 * DAY
"""How long after its cutoff an outcome is still corrected."""


class OutcomeSummary(NamedTuple):
    """What one run joined."""

    cutoffs: int
    """Mature cutoffs that were looked at."""
    new: int
    corrected: int
    """Outcomes that a late purchase made 1."""


def join_outcomes(store: Store, *, watermark: int, settings: Settings, now: int) -> OutcomeSummary:
    """Join the mature cutoffs that lack outcomes, and correct those of the last days."""
    new = corrected = 0
    due = _due(store, watermark=watermark, settings=settings)
    for group in _days(due):
        bought = _purchases(store, since=group[0], until=group[-1] + LABEL_WINDOW)
        for cutoff in group:
            buyers = {
                user
                for user, times in bought.items()
                if any(cutoff <= time < cutoff + LABEL_WINDOW for time in times)
            }
            new += store.outcomes.add(_outcomes(store, cutoff, buyers=buyers, now=now))
            corrected += store.outcomes.correct(cutoff, sorted(buyers), at=now)
    summary = OutcomeSummary(cutoffs=len(due), new=new, corrected=corrected)
    log.info("joined outcomes", extra=summary._asdict())
    return summary


def mature_until(watermark: int, *, settings: Settings) -> int:
    """Return the last cutoff whose outcomes are known at a watermark."""
    return watermark - LABEL_WINDOW - round(settings.lateness_hours * HOUR)


def _due(store: Store, *, watermark: int, settings: Settings) -> list[int]:
    newest = mature_until(watermark, settings=settings)
    mature = [
        cutoff for cutoff in reversed(store.scores.cutoffs(CUTOFFS)) if newest - CATCH_UP <= cutoff <= newest
    ]
    if not mature:
        return []
    joined = store.outcomes.cutoffs(since=mature[0], until=mature[-1] + 1)
    return [
        cutoff
        for cutoff in mature
        if cutoff >= watermark - CORRECTED_FOR or joined.get(cutoff, 0) < store.scores.count(cutoff)
    ]


def _days(cutoffs: Sequence[int]) -> Iterator[list[int]]:
    """Group cutoffs, given in order, that lie within a day of the group's first."""
    group: list[int] = []
    for cutoff in cutoffs:
        if group and cutoff - group[0] >= DAY:
            yield group
            group = []
        group.append(cutoff)
    if group:
        yield group


def _purchases(store: Store, *, since: int, until: int) -> dict[str, list[int]]:
    bought: dict[str, list[int]] = {}
    for chunk in store.events.scan(since=since, until=until, event_type="purchase"):
        for event in chunk:
            bought.setdefault(event.user_id, []).append(event.event_time)
    return bought


def _outcomes(store: Store, cutoff: int, *, buyers: set[str], now: int) -> Iterator[Outcome]:
    for chunk in store.scores.scan(cutoff):
        for score in chunk:
            yield _outcome(score, label=int(score.user_id in buyers), now=now)


def _outcome(score: Score, *, label: int, now: int) -> Outcome:
    return Outcome(
        user_id=score.user_id,
        cutoff=score.cutoff,
        label=label,
        probability=score.probability,
        prediction=score.prediction,
        model_version=score.model_version,
        joined_at=now,
    )
