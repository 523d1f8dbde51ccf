"""Which model versions may have learned from a user: the time of each training's events against the user's own.

What can be told is told before the user's events go, and stands in the ledger. A training that was under way then has no
version yet and may have read the events all the same: the user's first and last event are kept with the erasure, so that
whoever asks again learns what became of it. Large sets are thinned by user, so some versions may have left the user out.
"""

from collections.abc import Callable, Collection
from typing import Any, Final, NamedTuple

from propensity.bundle import Period
from propensity.events.event import HOUR
from propensity.features.definition import LABEL_WINDOW, WINDOWS
from propensity.lifecycle import trainings
from propensity.store import LedgerEntry, Store, UserRange

TRAININGS: Final = 10_000
"""Newest trainings that are looked at."""
EVER: Final = 2**62
SLACK: Final = HOUR
"""By so much the oldest event may be later than a training's first one without anything having been dropped: that one
may have been of somebody who is forgotten."""


class Learned(NamedTuple):
    """What may have learned from a user, newest first."""

    versions: list[str]
    under_way: list[int]
    """Numbers of trainings that have not ended and may read, or have read, the user's events."""
    untold: list[str]
    """Versions of which nobody can tell, because retention has dropped events that they were trained with."""


def seen_now(user_id: str, *, store: Store) -> dict[str, Any]:
    """Return what the ledger is to keep of a user's part in trainings, before the user's events are erased."""
    alone = UserRange(user_id, f"{user_id}\0")
    times = [
        event.event_time for part in store.events.scan(since=-EVER, until=EVER, users=alone) for event in part
    ]
    entries = store.ledger.latest(TRAININGS, trainings.KIND)
    oldest = store.events.time_at_rank(0)
    return {
        "versions": _versions(entries, lambda since, until: any(since <= time < until for time in times)),
        "untold": _versions(
            entries,
            lambda since, until: (
                -EVER < since < (EVER if oldest is None else oldest) - SLACK
                and not any(since <= time < until for time in times)
            ),
        ),
        "trainings to come": [one.sequence for one in entries if _may_come(one)],
        "newest training": entries[0].sequence if entries else 0,
        "events from": min(times, default=None),
        "events until": max(times, default=None),
    }


def learned(erasure: LedgerEntry, *, store: Store) -> Learned:
    """Return what the ledger knows by now of who learned from the user of an erasure."""
    known = erasure.evidence
    first, last = known.get("events from"), known.get("events until")
    if first is None or last is None:
        return Learned(known["versions"], [], known.get("untold", []))
    late = [one for one in store.ledger.latest(TRAININGS, trainings.KIND) if _may_have_read(one, erasure)]
    came = _versions(late, lambda since, until: since <= last and first < until)
    waited_for = [trainings.number_of(one) for one in trainings.under_way(late) if not _version(one)]
    return Learned(list(dict.fromkeys([*came, *known["versions"]])), waited_for, known["untold"])


def data_window(periods: Collection[Period], *, first_event: int | None = None) -> dict[str, int]:
    """Return from when to when events could change a model, for its training's entry in the ledger."""
    since = min(period.first_cutoff for period in periods) - max(WINDOWS.values())
    return {
        "data_from": since if first_event is None else max(since, first_event),
        "data_until": max(period.last_cutoff for period in periods) + LABEL_WINDOW,
    }


def _may_have_read(training: LedgerEntry, erasure: LedgerEntry) -> bool:
    """Whether a training without a version when the user's events were looked at can have read them before they went."""
    if training.sequence in erasure.evidence["trainings to come"]:
        return True
    ended = next((at for state, at in erasure.history if state == "done"), EVER)
    return training.sequence > erasure.evidence["newest training"] and training.at <= ended


def _may_come(training: LedgerEntry) -> bool:
    """Whether a version may still come of it; one that others gave up on may be running all the same."""
    was_given_up = training.evidence.get("failure") in {trainings.OVERDUE, trainings.GONE}
    return not _version(training) and (training.state in trainings.UNDER_WAY or was_given_up)


def _versions(entries: list[LedgerEntry], has_part: Callable[[int, int], bool]) -> list[str]:
    found = dict.fromkeys(
        _version(one)
        for one in entries
        if _version(one)
        and has_part(one.evidence.get("data_from", -EVER), one.evidence.get("data_until", one.updated_at))
    )
    return list(found)


def _version(training: LedgerEntry) -> str:
    return str(training.evidence.get("version") or "")
