"""The operator: the one small process that is always on, and does what people asked for and what nobody else finishes.

It answers requests in the ledger, starts a training that was only claimed, frees the slot of one that hangs, takes
the experiment that is on further, follows the alias, and brings the service to the champion. One look is `step`;
whatever is away is tried again at the next.
"""

import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from jobs.asked import answer_requests
from jobs.experiments.judge import Judging
from jobs.hands import Hands
from propensity.errors import ModelError, PropensityError
from propensity.lifecycle import past, promotion, slot
from propensity.lifecycle.experiments import Experiments
from propensity.lifecycle.promotion import promote
from propensity.lifecycle.rollout import Rollouts
from propensity.registry import PRODUCTION, Version
from propensity.store import Champion, LedgerEntry

__all__ = ["PATIENCE", "Hands", "operate", "step"]

logger = logging.getLogger(__name__)

IN_MLFLOW: Final = "somebody in MLflow"
"""Who moved the alias by hand: MLflow does not say."""
PATIENCE: Final = 120_000_000
"""Microseconds after which a promotion that stands still was left behind by a run that is gone."""


def step(hands: Hands) -> None:
    """Look once: each part by itself, so that what is away stops only what needs it, and a crash only its own part."""
    with contextlib.ExitStack() as look:
        for part in (roll_out, follow_alias, experiment, answer_requests, tend):  # the last one goes first
            look.callback(_do, part, hands)


def _do(part: Callable[[Hands], None], hands: Hands) -> None:
    try:
        part(hands)
    except PropensityError as error:
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
    newest = past.newest_promotion(hands.store)
    if newest is not None and newest.state not in promotion.ENDED:
        if hands.clock() - newest.updated_at > PATIENCE:
            _finish(newest, hands)
        return
    if alias is None or (record is not None and record.version == alias.number):
        return
    if _is_refused(alias, newest, hands):
        _put_back(alias, record, hands)
        return
    _promote(alias.number, "The alias was moved by hand.", hands, actor=IN_MLFLOW)


def _is_refused(alias: Version, newest: LedgerEntry | None, hands: Hands) -> bool:
    """Whether a version can't be followed: it was tried, and the ledger says why not, or it was rolled back."""
    was_tried = newest is not None and (newest.state, newest.subject) == (promotion.FAILED, alias.number)
    return was_tried or bool(hands.registry.rejected(alias.digest))


def _put_back(alias: Version, record: Champion | None, hands: Hands) -> None:
    """Point the alias to the champion again; asking for the other one by name tries it all the same."""
    if record is not None:
        logger.warning("alias put back", extra={"from": alias.number, "to": record.version})
        hands.registry.set_alias(PRODUCTION, record.version)


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
