"""Requests: what people ask of the operator. The command line and the dashboard write them and do nothing themselves.

asked     waiting for the operator: evidence `waits` says for what, where it was tried
done      it did so: evidence `result`
refused   it could not: evidence `result` says why
"""

from collections.abc import Callable
from typing import Any, Final, Literal

from propensity.events.event import DAY
from propensity.store import LedgerEntry, Store

KIND: Final = "request"
ASKED: Final = "asked"
DONE: Final = "done"
REFUSED: Final = "refused"
AT_ONCE: Final = 10_000
"""Open ones that are read at a look, newest first: more than people write in a day."""
LASTS: Final = DAY
"""What was asked for longer ago than this is not what anybody wants now, though no operator has looked since."""
AGAIN: Final = "Ask again if it is still wanted."
Action = Literal["retrain", "promote", "roll back", "start experiment", "stop experiment"]


def ask(
    action: Action,
    *,
    reason: str,
    store: Store,
    clock: Callable[[], int],
    version: str | None = None,
    force: bool = False,
    actor: str = "",
    plan: dict[str, Any] | None = None,
) -> LedgerEntry:
    """Write a request; `version` is whom to promote or to try, `force` also where it was rolled back before.

    `plan` is what is wanted of an experiment: mode, share, stages.
    """
    while True:
        entry = store.ledger.claim(
            kind=KIND,
            state=ASKED,
            at=clock(),
            reason=reason,
            subject=version,
            evidence={"action": action, "force": force, "actor": actor} | ({"plan": plan} if plan else {}),
        )
        if entry is not None:
            return entry


def open_requests(store: Store) -> list[LedgerEntry]:
    """Return the requests that wait, oldest first."""
    return store.ledger.latest(AT_ONCE, KIND, ASKED)[::-1]


def wait(request: LedgerEntry, why: str, *, store: Store, clock: Callable[[], int]) -> None:
    """Note what a request that was tried waits for: once, however often it is tried."""
    if "waits" not in request.evidence:
        store.ledger.move(
            request.sequence, from_state=ASKED, to_state=ASKED, at=clock(), evidence={"waits": why}
        )


def too_old(request: LedgerEntry, *, now: int) -> str:
    """Say why a request is not wanted any more; empty while it is."""
    if now - request.at <= LASTS:
        return ""
    waits = request.evidence.get("waits")
    if waits:
        return f"It could not be done within a day: {waits} {AGAIN}"
    return f"Nobody took it up within a day: no operator ran. {AGAIN}"


def answer(
    request: LedgerEntry, state: str, *, result: str, store: Store, clock: Callable[[], int]
) -> LedgerEntry:
    """Write what became of a request."""
    moved = store.ledger.move(
        request.sequence, from_state=ASKED, to_state=state, at=clock(), evidence={"result": result}
    )
    return moved or store.ledger.get(request.sequence) or request
