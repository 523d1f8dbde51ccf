"""One training from store to verdict: what the Job runs, and what `propensity train` runs on a laptop.

    data set -> model -> registry (alias `challenger`) -> gate -> promotion, or the reason why not

Each stage leaves its state in the ledger. What was gated is what is served: nothing is fitted again after the gate.
"""

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from propensity.bundle import Bundle
from propensity.errors import PropensityError
from propensity.lifecycle.promotion import promote
from propensity.registry import PRODUCTION, Registry, TrainingRecord, Version
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store
from training import dataset, gate, model
from training.dataset import TrainingSet
from training.gate import Verdict
from training.model import Trained

logger = logging.getLogger(__name__)

KIND: Final = "training"
RUNNING: Final = "running"
REGISTERED: Final = "registered"
DONE: Final = "done"
FAILED: Final = "failed"

Say = Callable[[str], None]


class Outcome(NamedTuple):
    """What a training came to."""

    version: Version
    trained: Trained
    verdict: Verdict


def train(
    settings: Settings, *, store: Store, registry: Registry, now: int, git_commit: str, reason: str, say: Say
) -> Outcome:
    """Train a challenger, register it, ask the gate, and promote it where the gate says so.

    Raises UnusableTrainingData where the data can't carry a model (trying again can't help), an OutsideError where
    store or registry fail; either way the champion keeps its place and the ledger says what happened.
    """
    registry.ping()
    entry = store.ledger.claim(kind=KIND, state=RUNNING, at=now, reason=reason)
    try:
        return _train(
            settings, store=store, registry=registry, now=now, git_commit=git_commit, entry=entry, say=say
        )
    except PropensityError as error:
        _leave(entry, FAILED, store=store, now=now, evidence={"error": str(error)})
        raise


def _train(
    settings: Settings,
    *,
    store: Store,
    registry: Registry,
    now: int,
    git_commit: str,
    entry: LedgerEntry | None,
    say: Say,
) -> Outcome:
    training_set = dataset.build(store, settings, now=now)
    trained = model.fit(training_set, settings, now=now, git_commit=git_commit, progress=say)
    version = _register(trained, registry=registry)
    say(f"Registered as version {version.number}, alias challenger.")
    _leave(entry, REGISTERED, store=store, now=now, evidence={"version": version.number})
    verdict = _judge(training_set, trained, registry=registry, settings=settings)
    registry.tag(version.number, verdict.tags())
    say(f"The gate says: {verdict.word}. {verdict.reason}")
    if verdict.promotes:
        promote(version.number, reason=verdict.reason, store=store, registry=registry, now=now)
    evidence = {"verdict": verdict.word, "reason": verdict.reason}
    _leave(entry, DONE, store=store, now=now, evidence=evidence)
    return Outcome(version=registry.version(version.number), trained=trained, verdict=verdict)


def _register(trained: Trained, *, registry: Registry) -> Version:
    with tempfile.TemporaryDirectory() as folder:
        trained.write_artifacts(Path(folder))
        return registry.record(
            TrainingRecord(
                parameters=trained.parameters,
                metrics=trained.metrics,
                tags={
                    "git_commit": trained.document.git_commit,
                    "data_digest": trained.document.data_digest,
                    "estimator": trained.document.estimator,
                },
                bundle=trained.bundle,
                pipeline=trained.pipeline,
                artifacts=Path(folder),
            )
        )


def _judge(training_set: TrainingSet, trained: Trained, *, registry: Registry, settings: Settings) -> Verdict:
    """Ask the gate with both bundles as they would be served."""
    current = registry.at(PRODUCTION)
    champion: Bundle | None = registry.bundle(current) if current else None
    return gate.judge(training_set, challenger=trained.bundle, champion=champion, settings=settings)


def _leave(
    entry: LedgerEntry | None, state: str, *, store: Store, now: int, evidence: dict[str, str]
) -> None:
    """Move this training's entry on from whatever state it is in."""
    latest = store.ledger.get(entry.sequence) if entry else None
    if latest:
        store.ledger.move(latest.sequence, from_state=latest.state, to_state=state, at=now, evidence=evidence)
