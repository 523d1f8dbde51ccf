"""The operator: the one small process that is always on, and does what people asked for and what nobody else finishes.

It answers requests in the ledger, starts a training that was only claimed, frees the slot of one that hangs, takes
the experiment that is on further, follows the alias, and brings the service to the champion. One look is `step`;
whatever is away is tried again at the next.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from jobs.experiments.judge import Judging
from propensity.errors import ModelError, OutsideError, PropensityError
from propensity.lifecycle import promotion, requests, retraining, slot
from propensity.lifecycle.challenge import Plan, start, stop
from propensity.lifecycle.experiments import Experiments
from propensity.lifecycle.platform import Platform
from propensity.lifecycle.promotion import promote
from propensity.lifecycle.rollback import roll_back
from propensity.lifecycle.rollout import Rollouts
from propensity.lifecycle.trigger import Trigger
from propensity.registry import PRODUCTION, Registry
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store

logger = logging.getLogger(__name__)

IN_MLFLOW: Final = "somebody in MLflow"
"""Who moved the alias by hand: MLflow does not say."""
PATIENCE: Final = 120_000_000
"""Microseconds after which a promotion that stands still was left behind by a run that is gone."""


class Hands(NamedTuple):
    """What the operator works with."""

    store: Store
    registry: Registry
    platform: Platform
    settings: Settings
    clock: Callable[[], int]


def step(hands: Hands) -> None:
    """Look once: each part by itself, so that what is away stops only what needs it."""
    for part in (tend, answer_requests, experiment, follow_alias, roll_out):
        try:
            part(hands)
        except (OutsideError, ModelError) as error:
            logger.warning("to be tried again", extra={"part": part.__name__, "why": str(error)})


def tend(hands: Hands) -> None:
    """Start a training that was only claimed; free the slot of one that hangs or is gone."""
    slot.tend_training(
        store=hands.store,
        settings=hands.settings,
        start=hands.platform.start_training,
        is_gone=hands.platform.training_is_gone,
        clock=hands.clock,
    )


def answer_requests(hands: Hands) -> None:
    """Do what people asked for, oldest first; one that can't be done says why, one that can't be done now waits."""
    for request in requests.open_requests(hands.store):
        if hands.clock() - request.at > requests.LASTS:
            requests.answer(
                request, requests.REFUSED, result=requests.TOO_OLD, store=hands.store, clock=hands.clock
            )
            continue
        try:
            state, result = requests.DONE, _answer(request, hands)
        except OutsideError:
            raise
        except PropensityError as error:
            state, result = requests.REFUSED, str(error)
        requests.answer(request, state, result=result, store=hands.store, clock=hands.clock)


def _answer(request: LedgerEntry, hands: Hands) -> str:
    store, registry, clock = hands.store, hands.registry, hands.clock
    match request.evidence["action"]:
        case "retrain":
            return _retrain(request, hands)
        case "promote":
            entry = promote(
                str(request.subject),
                reason=request.reason,
                store=store,
                registry=registry,
                clock=clock,
                force=bool(request.evidence.get("force")),
                actor=request.actor,
            )
            return f"Promotion of version {entry.subject} is {entry.state}."
        case "start experiment":
            plan = msgspec.convert(request.evidence["plan"], Plan)
            version = registry.version(str(request.subject))
            entry = start(version, plan, reason=request.reason, request=request, store=store, clock=clock)
            return f"Experiment with version {entry.subject} is {entry.state}."
        case "stop experiment":
            entry = stop(request.reason, store=store, clock=clock, actor=request.actor)
            return f"Experiment with version {entry.subject} is {entry.state}."
        case "roll back":
            key = f"rollback:{requests.KIND}:{request.sequence}"
            entry = roll_back(
                request.reason, key=key, store=store, registry=registry, clock=clock, actor=request.actor
            )
            return f"Back to version {entry.subject}."
    raise PropensityError("This release knows no such request. Ask again by its own command.")


def _retrain(request: LedgerEntry, hands: Hands) -> str:
    trigger = Trigger(kind="manual", reason=request.reason, window_end=request.at)
    entry = retraining.request_retraining(
        [trigger],
        store=hands.store,
        settings=hands.settings,
        start=hands.platform.start_training,
        is_gone=hands.platform.training_is_gone,
        clock=hands.clock,
        actor=request.actor,
    )
    return f"{entry.state}: {entry.subject or entry.reason}"


def experiment(hands: Hands) -> None:
    """Bring the experiment that is on a step further."""
    Experiments(
        store=hands.store,
        registry=hands.registry,
        settings=hands.settings,
        clock=hands.clock,
        judge=Judging(store=hands.store, settings=hands.settings, clock=hands.clock),
    ).advance()


def follow_alias(hands: Hands) -> None:
    """Finish a promotion that was left behind, and follow an alias that was moved by hand in MLflow."""
    alias, record = hands.registry.at(PRODUCTION), hands.store.champion()
    newest = next(iter(hands.store.ledger.latest(1, promotion.KIND)), None)
    if newest is not None and newest.state not in promotion.ENDED:
        if hands.clock() - newest.updated_at > PATIENCE:
            _finish(newest, hands)
        return
    if alias is None or (record is not None and record.version == alias.number):
        return
    if newest is not None and (newest.state, newest.subject) == (promotion.FAILED, alias.number):
        return  # tried, and the ledger says why not; asking for it by name tries again
    if record is not None and hands.registry.rejected(alias.digest):
        logger.warning("alias put back", extra={"from": alias.number, "to": record.version})
        hands.registry.set_alias(PRODUCTION, record.version)
        return
    _promote(alias.number, "The alias was moved by hand.", hands, actor=IN_MLFLOW)


def _finish(left: LedgerEntry, hands: Hands) -> None:
    """Carry out a promotion that was left behind, or end it where that can't be done."""
    try:
        _promote(str(left.subject), left.reason, hands)
    except ModelError as error:
        promotion.give_up(left, str(error), store=hands.store, clock=hands.clock)


def _promote(number: str, reason: str, hands: Hands, *, actor: str = "") -> None:
    promote(number, reason=reason, store=hands.store, registry=hands.registry, clock=hands.clock, actor=actor)


def roll_out(hands: Hands) -> None:
    """Bring the service to the champion."""
    Rollouts(
        store=hands.store,
        registry=hands.registry,
        platform=hands.platform,
        settings=hands.settings,
        clock=hands.clock,
    ).advance()


def operate(hands: Hands, *, stop: threading.Event, health: Path) -> None:
    """Look again and again until told to stop; the file `health` is touched after each look, which a probe reads."""
    health.parent.mkdir(parents=True, exist_ok=True)
    while not stop.is_set():
        try:
            step(hands)
        except Exception:  # the loop's door: one look that fails must not be the last
            logger.exception("a look failed")
        health.touch()
        stop.wait(hands.settings.operate_interval_seconds)
