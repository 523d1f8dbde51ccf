"""An experiment's entry in the ledger: how it is asked for, found, stopped, and told to the pods.

The states, and what becomes of them, stand in `experiments`.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from propensity.errors import ExperimentUnderWay, NoExperiment, SettingsError
from propensity.keeping import forgets_an_ab
from propensity.registry import Version
from propensity.settings import Settings
from propensity.store import Experiment, LedgerEntry, Store
from propensity.store.experiments import Mode

KIND: Final = "experiment"
INTENDED: Final = "intended"
RUNNING: Final = "running"
PROMOTING: Final = "promoting"
PROMOTED: Final = "promoted"
ENDING: Final = "ending"
STOPPED: Final = "stopped"
FAILED: Final = "failed"
ENDED: Final = frozenset({PROMOTED, STOPPED, FAILED})


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a challenger is to be tried."""

    mode: Mode
    shares: list[float]
    """Of users, one after the other: a canary's stages, or the one share there is; 0 for a shadow."""
    effect: float
    """Smallest difference in conversion that matters to an A/B, settled before the first user."""


def plan_of(settings: Settings, mode: Mode, *, share: float | None = None, stages: str = "") -> Plan:
    """Return the plan that the settings make for a mode, or what a person gave instead."""
    forgets = forgets_an_ab(settings) if mode == "ab" else ""
    if forgets:
        raise SettingsError(forgets)
    given = [share or settings.experiment_share] if mode == "ab" else [0.0]
    if mode == "canary":
        given = _shares(stages or settings.experiment_stages)
    return Plan(mode=mode, shares=given, effect=settings.experiment_effect)


def asked_plan(said: Any) -> Plan:
    """Return the plan as a request says it; SettingsError where it is none."""
    try:
        plan = msgspec.convert(said, Plan)
    except msgspec.ValidationError as error:
        raise SettingsError(f"The request holds no plan ({error}). Ask again by its own command.") from error
    least = -1.0 if plan.mode == "shadow" else 0.0
    if (
        not plan.shares
        or plan.shares != sorted(set(plan.shares))
        or not least < plan.shares[0] <= plan.shares[-1] < 1
    ):
        raise SettingsError(f"The shares are {plan.shares}. Ask for growing ones between 0 and 1.")
    return plan


def _shares(stages: str) -> list[float]:
    try:
        shares = [float(one) for one in stages.split(",")]
    except ValueError:
        shares = []
    if not shares or shares != sorted(set(shares)) or not 0 < shares[0] <= shares[-1] < 1:
        raise SettingsError(
            f"A canary's stages are {stages!r}. Write growing shares between 0 and 1, such as 0.01,0.1,0.5."
        )
    return shares


def intend(
    version: Version,
    plan: Plan,
    *,
    reason: str,
    store: Store,
    clock: Callable[[], int],
    key: str | None = None,
    actor: str = "",
) -> LedgerEntry | None:
    """Write that a version is to be tried; None where this was written under the same key before."""
    return store.ledger.claim(
        kind=KIND,
        state=INTENDED,
        at=clock(),
        reason=reason,
        subject=version.number,
        key=key,
        evidence={
            "challenger": f"{version.number}@{version.digest}",
            "mode": plan.mode,
            "shares": plan.shares,
            "effect": plan.effect,
            "actor": actor,
        },
    )


def start(
    version: Version,
    plan: Plan,
    *,
    reason: str,
    request: LedgerEntry,
    store: Store,
    clock: Callable[[], int],
) -> LedgerEntry:
    """Do what a person asked for: try a version now; ExperimentUnderWay where another one is on."""
    key = f"{KIND}:request:{request.sequence}"
    known = store.ledger.by_key(key)
    if known is not None:
        return known
    on = under_way(store)
    if on is not None:
        raise ExperimentUnderWay(
            f"Version {on.subject} is being tried already. Stop that first: `propensity experiment stop`."
        )
    entry = intend(version, plan, reason=reason, store=store, clock=clock, key=key, actor=request.actor)
    return (
        entry
        or store.ledger.by_key(key)
        or start(version, plan, reason=reason, request=request, store=store, clock=clock)
    )


def stop(reason: str, *, store: Store, clock: Callable[[], int], actor: str = "") -> LedgerEntry:
    """Do what a person asked for: go back to the champion; NoExperiment where none is on."""
    entry = under_way(store)
    if entry is None or entry.state in {PROMOTING, ENDING}:
        raise NoExperiment(
            "No experiment is on that could be stopped. `propensity ledger` says what became of it."
        )
    evidence = {"why": reason, "ends as": STOPPED, "stopped by": actor}
    moved = store.ledger.move(
        entry.sequence, from_state=entry.state, to_state=ENDING, at=clock(), evidence=evidence
    )
    return moved or stop(reason, store=store, clock=clock, actor=actor)


def under_way(store: Store) -> LedgerEntry | None:
    """Return the experiment that has begun and not ended, or else the newest that waits."""
    open_ones = store.ledger.unended(KIND, ended=ENDED)
    begun = [entry for entry in open_ones if entry.state != INTENDED]
    return begun[-1] if begun else next(iter(open_ones), None)


def record_of(entry: LedgerEntry) -> Experiment:
    """Return what the pods are to know of an experiment that runs."""
    said = entry.evidence
    return Experiment(
        number=entry.sequence,
        mode=said["mode"],
        challenger=said["challenger"],
        champion=said["champion"],
        seed=said["seed"],
        share=said["shares"][said["stage"]],
        stage=said["stage"],
        started_at=said["started at"],
        stage_at=said["stage at"],
    )
