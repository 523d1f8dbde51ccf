"""What people asked for, done: the requests in the ledger, oldest first.

One that can't be done says why; one that can't be done now waits, and with it those after it that are about the same
thing, so that a promotion and a rollback are never done in another order than they were asked for.
"""

import contextlib
import logging
from typing import Literal

from jobs.hands import Hands
from propensity.errors import OutsideError, PropensityError, StoreUnavailable
from propensity.lifecycle import requests, retraining, rollback
from propensity.lifecycle.challenge import asked_plan, start, stop
from propensity.lifecycle.promotion import promote
from propensity.lifecycle.rollback import roll_back
from propensity.lifecycle.trigger import Trigger
from propensity.store import LedgerEntry

logger = logging.getLogger(__name__)


def answer_requests(hands: Hands) -> None:
    """Do what people asked for; what is away holds up only what needs it, and one that crashes no other."""
    waiting: set[str] = set()
    with contextlib.ExitStack() as each:
        for request in reversed(requests.open_requests(hands.store)):
            each.callback(_attend, request, waiting, hands)


def _attend(request: LedgerEntry, waiting: set[str], hands: Hands) -> None:
    """Answer a request; where it has to wait, its subject is added to what waits."""
    old = requests.too_old(request, now=hands.clock())
    about = _about(request)
    if not old and about in waiting:
        return
    try:
        state, result = (requests.REFUSED, old) if old else (requests.DONE, _answer(request, hands))
    except StoreUnavailable:
        raise
    except OutsideError as error:
        waiting.add(about)
        requests.wait(request, str(error), store=hands.store, clock=hands.clock)
        logger.warning("to be tried again", extra={"request": request.sequence, "why": str(error)})
        return
    except PropensityError as error:
        state, result = requests.REFUSED, str(error)
    requests.answer(request, state, result=result, store=hands.store, clock=hands.clock)


def _about(request: LedgerEntry) -> Literal["training", "version"]:
    return "training" if request.evidence.get("action") == "retrain" else "version"


def _answer(request: LedgerEntry, hands: Hands) -> str:
    store, registry, clock = hands.store, hands.registry, hands.clock
    match request.evidence.get("action"):
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
                cause=request,
            )
            return f"Promotion of version {entry.subject} is {entry.state}."
        case "start experiment":
            plan = asked_plan(request.evidence.get("plan"))
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
            if entry.state != rollback.DONE:
                raise PropensityError(_not_back(entry))
            return f"Back to version {entry.subject}."
    raise PropensityError("This release knows no such request. Ask again by its own command.")


def _not_back(entry: LedgerEntry) -> str:
    return (
        f"Going back to version {entry.subject} is {entry.state}: another version was promoted meanwhile, and holds. "
        "Ask again to go back from that one."
    )


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
