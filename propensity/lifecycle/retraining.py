"""Retraining: whether the reasons of the moment start a training, and a line in the ledger that says why or why not.

There is one slot. Whoever asks while it is taken gets an answer, not an error, and its reasons attach to the training
that is under way. A run killed anywhere is finished by the next one: the training is claimed first, then started (to
start the same number again changes nothing), and the decision is written last.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from propensity.events.event import DAY, HOUR
from propensity.lifecycle import slot, trainings
from propensity.lifecycle.trigger import Trigger
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store

logger = logging.getLogger(__name__)

KIND: Final = "decision"
AHEAD: Final = HOUR
"""How far clocks may differ; what a clock that ran further ahead has dated would forbid trainings until then."""
Decision = Literal["retrain", "cooldown", "running", "budget", "asked before", "stale data", "not needed"]


class Answer(NamedTuple):
    """What was decided on the reasons of the moment."""

    decision: Decision
    reason: str
    training: LedgerEntry | None = None
    """The training it is about: the one started, or the one in the way."""


def request_retraining(
    triggers: Sequence[Trigger],
    *,
    store: Store,
    settings: Settings,
    start: slot.Start,
    clock: Callable[[], int],
    is_gone: slot.IsGone = lambda _: False,
    actor: str = "",
) -> LedgerEntry:
    """Start a training for these reasons unless something stands against it; return the decision's ledger entry.

    Asking again with the same triggers of the same window returns the same entry. ClusterUnavailable or
    StoreUnavailable leave a training that was claimed to the next run, which starts it.
    """
    key = _key(triggers)
    known = store.ledger.by_key(key)
    if known is not None:
        return known
    slot.tend_training(store=store, settings=settings, start=start, is_gone=is_gone, clock=clock)
    answer = _decide(triggers, key=key, actor=actor, store=store, settings=settings, now=clock())
    training = answer.training
    if training is not None and training.state == trainings.INTENDED:
        training = slot.start_training(training, triggers, store=store, start=start, clock=clock)
    if training is not None:
        slot.attach(training, triggers, store=store, clock=clock)
    return _write(
        answer.decision,
        window_end=max(trigger.window_end for trigger in triggers),
        reason=answer.reason,
        evidence={
            "triggers": msgspec.to_builtins(list(triggers)),
            "training": trainings.number_of(training) or None,
        },
        subject=training.evidence.get("job") if training else None,
        key=key,
        store=store,
        clock=clock,
    )


def record_decision(
    decision: Decision,
    *,
    window_end: int,
    reason: str,
    evidence: dict[str, Any],
    store: Store,
    clock: Callable[[], int],
    for_now: bool = False,
) -> LedgerEntry:
    """Write why a window starts no training, once; `for_now` where it will be judged yet, in an entry of its own."""
    return _write(
        decision,
        window_end=window_end,
        reason=reason,
        evidence=evidence,
        subject=None,
        key=f"{KIND}:{window_end}:{decision}{':for now' if for_now else ''}",
        store=store,
        clock=clock,
    )


def _decide(
    triggers: Sequence[Trigger], *, key: str, actor: str, store: Store, settings: Settings, now: int
) -> Answer:
    recent = trainings.recent_trainings(store)
    ours = next((entry for entry in recent if _is_asked_by(entry, key)), None)
    if ours is not None:  # a run before this one was killed
        return Answer("retrain", _said(triggers), ours)
    standing = _against(triggers, recent, settings=settings, now=now)
    if standing is not None:
        return standing
    if not slot.close(next(iter(recent), None), store=store):  # its Job has just taken it up again
        return _decide(triggers, key=key, actor=actor, store=store, settings=settings, now=now)
    claimed = store.ledger.claim(
        kind=trainings.KIND,
        state=trainings.INTENDED,
        at=now,
        reason=_said(triggers),
        key=trainings.key_of(trainings.next_number(recent)),
        evidence={"asked_by": key, "actor": actor, **slot.evidence_of(triggers)},
    )
    if claimed is not None:
        return Answer("retrain", _said(triggers), claimed)
    other = store.ledger.by_key(trainings.key_of(trainings.next_number(recent)))
    if _is_asked_by(other, key):  # the same question at the same moment: whoever writes first tells the same
        return Answer("retrain", _said(triggers), other)
    return Answer("asked before", _taken(other), other)


def _is_asked_by(training: LedgerEntry | None, key: str) -> bool:
    return training is not None and training.evidence.get("asked_by") == key


def _against(
    triggers: Sequence[Trigger], recent: Sequence[LedgerEntry], *, settings: Settings, now: int
) -> Answer | None:
    """Return what stands against a training now; a person who asks need not rest or wait, but there is one slot."""
    taken = next(iter(trainings.under_way(recent)), None)
    if taken is not None:
        has_begun = taken.state not in {trainings.INTENDED, trainings.STARTED}
        return Answer("running" if has_begun else "asked before", _taken(taken), taken)
    past = [entry for entry in recent if entry.updated_at <= now + AHEAD]
    newest = next(iter(past), None)
    if trainings.asked_by_triggers(past, since=now - DAY) >= settings.retrain_daily_budget:
        return Answer("budget", f"{settings.retrain_daily_budget} trainings were asked for within 24 hours.")
    if any(trigger.kind == "manual" for trigger in triggers):
        return None
    rest = newest.updated_at + settings.retrain_cooldown_hours * HOUR - now if newest else 0
    if rest > 0:
        return Answer("cooldown", f"The last training ended too recently: {_hours(rest)} to wait.")
    own = min(trainings.waits_until(trigger.kind, past) for trigger in triggers)
    wait = max(own, trainings.all_wait_until(past)) - now
    if wait > 0:
        return Answer("cooldown", f"The last challengers came to nothing: {_hours(wait)} to wait.")
    return None


def _write(
    decision: Decision,
    *,
    window_end: int,
    reason: str,
    evidence: dict[str, Any],
    subject: str | None,
    key: str,
    store: Store,
    clock: Callable[[], int],
) -> LedgerEntry:
    entry = store.ledger.claim(
        kind=KIND,
        state=decision,
        at=clock(),
        reason=reason,
        subject=subject,
        key=key,
        evidence={"window_end": window_end, **evidence},
    )
    found = entry or store.ledger.by_key(key)
    assert found is not None, "An entry with this key exists, or it was just written."  # noqa: S101
    logger.info("decided on retraining", extra={"decision": found.state, "reason": found.reason})
    return found


def _key(triggers: Sequence[Trigger]) -> str:
    """Name the question: the window and the kinds of its triggers."""
    if not triggers:
        raise ValueError("A retraining needs a reason; without one, record a decision.")
    window_end = max(trigger.window_end for trigger in triggers)
    return f"{KIND}:{window_end}:{'+'.join(sorted({trigger.kind for trigger in triggers}))}"


def _said(triggers: Sequence[Trigger]) -> str:
    return " ".join(trigger.reason for trigger in triggers)


def _taken(training: LedgerEntry | None) -> str:
    number = trainings.number_of(training)
    return f"Training {number or 'by hand'} is {training.state if training else 'under way'}."


def _hours(micros: float) -> str:
    return f"{micros / HOUR:.1f} hours"
