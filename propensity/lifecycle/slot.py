"""The one slot there is for a training: who has it is started, and is given up where it doesn't end.

Everything may be done twice and by several at once: a number is started under its own name, and states change only
from the one that was seen.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from propensity.errors import SettingsError, TrainingUnderWay
from propensity.lifecycle import trainings
from propensity.lifecycle.trigger import Trigger
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store

logger = logging.getLogger(__name__)

Start = Callable[[int, Sequence[Trigger]], str]
"""Starts the training of a number and returns the name of its Job or process; to start it again changes nothing."""
IsGone = Callable[[int], bool]
"""Whether the Job or process of a training that was started is there no more."""


def tend_training(
    *, store: Store, settings: Settings, start: Start, is_gone: IsGone, clock: Callable[[], int]
) -> None:
    """Free the slot of a training that took too long or whose Job is gone; start one that was only claimed."""
    hours = settings.training_deadline_hours
    for entry in trainings.under_way(trainings.recent_trainings(store)):
        if entry.state == trainings.INTENDED:
            start_training(entry, _triggers_of(entry), store=store, start=start, clock=clock)
        elif trainings.is_overdue(entry, now=clock(), deadline_hours=hours):
            why = f"It did not end within {hours:g} hours."
            _give_up(entry, why, failure=trainings.OVERDUE, store=store, clock=clock)
        elif entry.evidence.get("job") and is_gone(trainings.number_of(entry)):
            _give_up(entry, "Its Job or process is gone.", failure=trainings.GONE, store=store, clock=clock)


def start_training(
    training: LedgerEntry,
    triggers: Sequence[Trigger],
    *,
    store: Store,
    start: Start,
    clock: Callable[[], int],
) -> LedgerEntry:
    """Have the training of this number started; where another run did so at the same moment, so much the better."""
    number = trainings.number_of(training)
    job = start(number, triggers)
    logger.info("training asked for", extra={"number": number, "job": job})
    moved = store.ledger.move(
        training.sequence,
        from_state=trainings.INTENDED,
        to_state=trainings.STARTED,
        at=clock(),
        evidence={"job": job},
    )
    return moved or store.ledger.get(training.sequence) or training


def attach(
    training: LedgerEntry, triggers: Sequence[Trigger], *, store: Store, clock: Callable[[], int]
) -> None:
    """Write reasons that a training does not have yet to it, whatever state it is in by now."""
    entry: LedgerEntry | None = training
    while entry is not None:
        news = [trigger for trigger in triggers if trigger.kind not in trainings.kinds_of(entry)]
        if not news:
            return
        moved = store.ledger.move(
            entry.sequence,
            from_state=entry.state,
            to_state=entry.state,
            at=clock(),
            evidence=evidence_of(news),
        )
        entry = None if moved else store.ledger.get(entry.sequence)


def close(newest: LedgerEntry | None, *, store: Store) -> bool:
    """Make sure that the newest training is not taken up again once the next number is claimed.

    One that failed by itself may be, by a retry of its Job: of the two moves from `failed`, the first one counts.
    False where that was the retry's. Dated as the failure, from which triggers count their waiting.
    """
    if newest is None or newest.state != trainings.FAILED or trainings.is_given_up(newest):
        return True
    closed = store.ledger.move(
        newest.sequence, from_state=trainings.FAILED, to_state=trainings.CLOSED, at=newest.updated_at
    )
    now = closed or store.ledger.get(newest.sequence)
    return now is None or now.state == trainings.CLOSED


def begin_by_hand(
    reason: str, *, store: Store, clock: Callable[[], int], actor: str = "", force: bool = False
) -> LedgerEntry:
    """Claim a number for a training that a person started; the slot is theirs until it ends.

    TrainingUnderWay where another has it; with `force` that one is given up, and promotes nothing any more.
    """
    while True:
        recent = trainings.recent_trainings(store)
        if taken := trainings.under_way(recent):
            _take_over(taken, force=force, store=store, clock=clock)
            continue
        if not close(next(iter(recent), None), store=store):
            continue
        entry = store.ledger.claim(
            kind=trainings.KIND,
            state=trainings.RUNNING,
            at=clock(),
            reason=reason,
            key=trainings.key_of(trainings.next_number(recent)),
            evidence={"actor": actor},
        )
        if entry is not None:
            return entry


def _take_over(taken: Sequence[LedgerEntry], *, force: bool, store: Store, clock: Callable[[], int]) -> None:
    if not force:
        number = trainings.number_of(taken[0])
        raise TrainingUnderWay(
            f"Training {number} is {taken[0].state}, and there is one at a time. Wait for its end (`propensity ledger`); "
            "where it is gone or should not go on, --force gives it up and trains instead."
        )
    for entry in taken:
        why = "A person took its slot."
        _give_up(entry, why, failure=trainings.TAKEN_OVER, store=store, clock=clock)


def begin_asked(number: int, *, store: Store, clock: Callable[[], int]) -> LedgerEntry | None:
    """Say that the training of a number runs, also when it crashed and is tried again.

    None where that number has had its end, so that a Job started twice does not train twice.
    """
    entry = store.ledger.by_key(trainings.key_of(number))
    if entry is None:
        raise SettingsError(f"The ledger knows no training {number}. Leave --number to whoever starts Jobs.")
    newest = next(iter(trainings.recent_trainings(store)), entry)
    if trainings.has_ended(entry, newest=newest):
        return None
    moved = store.ledger.move(entry.sequence, from_state=entry.state, to_state=trainings.RUNNING, at=clock())
    return moved or begin_asked(number, store=store, clock=clock)


def evidence_of(triggers: Sequence[Trigger]) -> dict[str, Any]:
    """Return triggers as they stand in a training's evidence, by kind."""
    return {trainings.reason_name(trigger.kind): msgspec.to_builtins(trigger) for trigger in triggers}


def _give_up(
    training: LedgerEntry, error: str, *, failure: str, store: Store, clock: Callable[[], int]
) -> None:
    logger.warning("training given up", extra={"number": trainings.number_of(training), "why": error})
    store.ledger.move(
        training.sequence,
        from_state=training.state,
        to_state=trainings.FAILED,
        at=clock(),
        evidence={"error": error, "failure": failure},
    )


def _triggers_of(training: LedgerEntry) -> list[Trigger]:
    reasons = [text for name, text in sorted(training.evidence.items()) if trainings.is_reason(name)]
    return [msgspec.convert(reason, Trigger) for reason in reasons]
