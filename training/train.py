"""One training from store to verdict: what the Job runs, and what `propensity train` runs on a laptop.

    data set -> model -> registry (alias `challenger`) -> gate -> promotion, or the reason why not

Each stage leaves its state in the ledger. What was gated is what is served: nothing is fitted again after the gate.
"""

import contextlib
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from propensity.bundle import Bundle
from propensity.errors import BrokenBundle, StoreUnavailable, VersionRejected
from propensity.lifecycle.champion import bundle_of
from propensity.lifecycle.promotion import promote
from propensity.lifecycle.slot import begin_asked, begin_by_hand
from propensity.lifecycle.trainings import DONE, FAILED, REGISTERED
from propensity.registry import PRODUCTION, Registry, TrainingRecord, Version
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store
from training import dataset, gate, model
from training.dataset import TrainingSet
from training.gate import Verdict
from training.model import Trained

logger = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What a training came to."""

    version: Version
    trained: Trained
    verdict: Verdict


class Training:
    """One training: where it reads and writes, and its entry in the ledger."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        registry: Registry,
        clock: Callable[[], int],
        git_commit: str,
        say: Callable[[str], None],
    ) -> None:
        """Prepare; `say` hears one sentence per stage, `clock` gives microseconds since the epoch."""
        self._settings = settings
        self._store = store
        self._registry = registry
        self._clock = clock
        self._git_commit = git_commit
        self._say = say
        self._entry: LedgerEntry | None = None

    def run(self, reason: str) -> Outcome:
        """Train a challenger, register it, ask the gate, and promote it where the gate says so.

        Raises UnusableTrainingData where the data can't carry a model (trying again can't help), an OutsideError
        where store or registry fail; either way the champion keeps its place and the ledger says what happened.
        """
        self._registry.ping()
        self._entry = begin_by_hand(reason, store=self._store, clock=self._clock)
        return self._carry_out()

    def run_asked(self, number: int) -> Outcome | None:
        """Do the training that the ledger has claimed a number for; None where it has ended already."""
        self._registry.ping()
        self._entry = begin_asked(number, store=self._store, clock=self._clock)
        return self._carry_out() if self._entry else None

    def _carry_out(self) -> Outcome:
        with contextlib.ExitStack() as unless_done:
            unless_done.push(self._fail)
            training_set = dataset.build(self._store, self._settings, now=self._clock())
            trained = self._fit(training_set)
            version = self._register(trained)
            verdict = self._judge(training_set, trained, version)
            unless_done.pop_all()
        self._leave(DONE, verdict=verdict.word, reason=verdict.reason)
        return Outcome(version=self._registry.version(version.number), trained=trained, verdict=verdict)

    def _fit(self, training_set: TrainingSet) -> Trained:
        return model.fit(
            training_set, self._settings, now=self._clock(), git_commit=self._git_commit, progress=self._say
        )

    def _register(self, trained: Trained) -> Version:
        document = trained.document
        tags = {name: getattr(document, name) for name in ("git_commit", "data_digest", "estimator")}
        with tempfile.TemporaryDirectory() as folder:
            trained.write_artifacts(Path(folder))
            version = self._registry.record(
                TrainingRecord(
                    parameters=trained.parameters,
                    metrics=trained.metrics,
                    tags=tags,
                    bundle=trained.bundle,
                    pipeline=trained.pipeline,
                    artifacts=Path(folder),
                )
            )
        self._say(f"Registered as version {version.number}, alias challenger.")
        self._leave(REGISTERED, version=version.number, events=trained.document.events)
        return version

    def _judge(self, training_set: TrainingSet, trained: Trained, version: Version) -> Verdict:
        """Ask the gate with both bundles as they would be served, and act on what it says."""
        verdict = gate.judge(
            training_set, challenger=trained.bundle, champion=self._champion(), settings=self._settings
        )
        self._registry.tag(version.number, verdict.tags())
        self._say(f"The gate says: {verdict.word}. {verdict.reason}")
        if verdict.promotes:
            self._promote(version, verdict)
        return verdict

    def _promote(self, version: Version, verdict: Verdict) -> None:
        """Promote what the gate let through, unless the very same model was rolled back before."""
        try:
            promote(
                version.number,
                reason=verdict.reason,
                store=self._store,
                registry=self._registry,
                clock=self._clock,
            )
        except VersionRejected as error:
            self._say(str(error))
            logger.warning("not promoted", extra={"version": version.number, "why": str(error)})

    def _champion(self) -> Bundle | None:
        """Return what is served now: from the store, which has what was promoted, or else from the registry.

        A champion that neither can give back whole must not stop every training after it: None, and a warning.
        """
        current = self._registry.at(PRODUCTION)
        if current is None:
            return None
        with contextlib.suppress(BrokenBundle):
            return bundle_of(self._store, current.digest)
        try:
            return self._registry.bundle(current)
        except BrokenBundle as error:
            logger.warning("no whole champion", extra={"version": current.number, "error": str(error)})
            return None

    def _leave(self, state: str, **evidence: str | int) -> None:
        """Move the entry on from whatever state it is in."""
        if self._entry is None:
            return
        self._entry = self._store.ledger.get(self._entry.sequence) or self._entry
        self._store.ledger.move(
            self._entry.sequence,
            from_state=self._entry.state,
            to_state=state,
            at=self._clock(),
            evidence=evidence,
        )

    def _fail(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Leave a training that did not end well as failed, whatever stopped it; the error goes on."""
        with contextlib.suppress(StoreUnavailable):
            name = kind.__name__ if kind else "stopped"
            self._leave(FAILED, error=str(error) or name, failure=name)
