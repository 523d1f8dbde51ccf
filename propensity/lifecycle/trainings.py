"""What the ledger knows of trainings: their numbers, whose turn it is, and how long a trigger has to wait.

One training at a time is said by a number: the next one is claimed by a unique insert, and the Job or process that
does it is named by it. Everything here is read off the entries, so it is the same for whoever asks.

    intended    claimed, with its reasons; nobody may have started it yet
    started     its Job or process was asked for
    running     it says so itself
    registered  its version stands in the registry
    done        the gate has spoken: evidence `verdict`
    failed      it ended in an error, took too long, its Job is gone, or a person took its slot
    closed      failed, and its slot was given to another: no retry of its Job takes it up again
"""

from collections.abc import Iterator, Sequence
from typing import Final

from propensity.events.event import DAY, HOUR
from propensity.lifecycle.trigger import Kind
from propensity.store import LedgerEntry, Store

KIND: Final = "training"
INTENDED: Final = "intended"
STARTED: Final = "started"
RUNNING: Final = "running"
REGISTERED: Final = "registered"
DONE: Final = "done"
FAILED: Final = "failed"
CLOSED: Final = "closed"
UNDER_WAY: Final = frozenset({INTENDED, STARTED, RUNNING, REGISTERED})

RECENT: Final = 200
"""Entries that are looked at: more trainings than a month can hold."""
PROMOTING: Final = frozenset({"promoted", "unproven"})
"""Verdicts after which a trigger starts with a clean slate."""
OVERDUE: Final = "Overdue"
GONE: Final = "Gone"
TAKEN_OVER: Final = "TakenOver"
GIVEN_UP: Final = frozenset({OVERDUE, GONE, TAKEN_OVER})
"""Failures that others saw: the slot may be somebody else's since."""
NOT_ITS_FAULT: Final = frozenset(
    {"StoreUnavailable", "RegistryUnavailable", "ClusterUnavailable", TAKEN_OVER}
)
"""Failures that say nothing of the data, after which no trigger waits longer."""
_PREFIX: Final = f"{KIND}:"
_REASON: Final = "trigger "


def recent_trainings(store: Store) -> list[LedgerEntry]:
    """Return the newest trainings, newest first."""
    return store.ledger.latest(RECENT, KIND)


def number_of(entry: LedgerEntry | None) -> int:
    """Return a training's number; 0 for none, and for one of before there were numbers."""
    key = entry.key if entry else None
    return int(key.removeprefix(_PREFIX)) if key else 0


def key_of(number: int) -> str:
    """Return the key under which a training's number is claimed."""
    return f"{_PREFIX}{number}"


def next_number(recent: Sequence[LedgerEntry]) -> int:
    """Return the number that is free after these."""
    return max((number_of(entry) for entry in recent), default=0) + 1


def under_way(trainings: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """Return those that have not ended, newest first."""
    return [entry for entry in trainings if entry.state in UNDER_WAY]


def begun_at(entry: LedgerEntry) -> int | None:
    """Return when a training's Job or process was asked for, or said that it runs; None for one only claimed."""
    return next((at for state, at in entry.history if state in UNDER_WAY - {INTENDED}), None)


def is_overdue(entry: LedgerEntry, *, now: int, deadline_hours: float) -> bool:
    """Whether a training that has not ended has had its time; one that nobody could start yet has not had any."""
    begun = begun_at(entry)
    return entry.state in UNDER_WAY and begun is not None and now - begun > deadline_hours * HOUR


def is_given_up(entry: LedgerEntry) -> bool:
    """Whether others have ended a training, so that its slot may be somebody else's."""
    return entry.state == CLOSED or (entry.state == FAILED and entry.evidence.get("failure") in GIVEN_UP)


def has_ended(entry: LedgerEntry, *, newest: LedgerEntry) -> bool:
    """Whether a training is not to be taken up again: one that failed by itself may be, while nobody came after."""
    if entry.state == FAILED:
        return is_given_up(entry) or newest.sequence != entry.sequence
    return entry.state in {DONE, CLOSED}


def reason_name(kind: Kind) -> str:
    """Return the name under which a trigger stands in a training's evidence."""
    return f"{_REASON}{kind}"


def is_reason(name: str) -> bool:
    """Whether a name in a training's evidence is that of a trigger."""
    return name.startswith(_REASON)


def kinds_of(entry: LedgerEntry) -> set[str]:
    """Return the kinds of triggers that a training was started for or that attached to it."""
    return {name.removeprefix(_REASON) for name in entry.evidence if is_reason(name)}


def asked_by_triggers(trainings: Sequence[LedgerEntry], *, since: int) -> int:
    """Count the trainings since a time that triggers started; those typed by hand are a person's business."""
    return sum(entry.at > since and bool(kinds_of(entry)) for entry in trainings)


def came_to_nothing(entry: LedgerEntry) -> bool:
    """Whether a training ended without a champion for reasons that the same data would have again."""
    if entry.state == DONE:
        return entry.evidence.get("verdict") not in PROMOTING
    failure = entry.evidence.get("failure")
    was_never_begun = failure == OVERDUE and begun_at(entry) is None
    return entry.state in {FAILED, CLOSED} and failure not in NOT_ITS_FAULT and not was_never_begun


def waits_until(kind: Kind, trainings: Sequence[LedgerEntry]) -> int:
    """Return until when a trigger waits after challengers that came to nothing: 1, 2, 4 … days after its last one.

    `trainings` newest first. A promotion, whatever brought it about, ends the waiting.
    """
    in_vain = [entry for entry in _in_vain(trainings) if kind in kinds_of(entry)]
    return in_vain[0].updated_at + DAY * 2 ** (len(in_vain) - 1) if in_vain else 0


def all_wait_until(trainings: Sequence[LedgerEntry]) -> int:
    """Return until when every trigger waits, whoever's challengers came to nothing: from the second on 1, 2, 4 … days.

    So triggers that take turns get no more trainings out of a gate that always refuses than one alone: at most six in
    thirty days. What only a person asked for does not count.
    """
    in_vain = [entry for entry in _in_vain(trainings) if kinds_of(entry) - {"manual"}]
    return in_vain[0].updated_at + DAY * 2 ** (len(in_vain) - 2) if len(in_vain) > 1 else 0


def _in_vain(trainings: Sequence[LedgerEntry]) -> Iterator[LedgerEntry]:
    """Yield the trainings since the last promotion that came to nothing, newest first."""
    for entry in trainings:
        if entry.state == DONE and entry.evidence.get("verdict") in PROMOTING:
            return
        if came_to_nothing(entry):
            yield entry
