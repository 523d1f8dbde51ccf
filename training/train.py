"""One training from store to verdict: what the Job runs, and what `propensity train` runs on a laptop.

    data set -> model -> registry (alias `challenger`) -> gate -> promotion, or the reason why not

Each stage leaves its state in the ledger. What was gated is what is served: nothing is fitted again after the gate.
A run that is tried again after a crash goes on with the version it had registered: it carries the mark of its training.
"""

import contextlib
import logging
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from propensity.bundle import Bundle, ModelDocument
from propensity.engine import HERE, Engine
from propensity.errors import BrokenBundle, TrainingGivenUp, VersionNotFound, VersionRejected
from propensity.lifecycle import challenge, promotion
from propensity.lifecycle.challenge import intend, plan_of
from propensity.lifecycle.champion import bundle_of
from propensity.lifecycle.learned import data_window
from propensity.lifecycle.promotion import promote
from propensity.lifecycle.slot import begin_asked, begin_by_hand
from propensity.lifecycle.trainings import DONE, REGISTERED
from propensity.registry import PRODUCTION, Registry, Version
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store
from training import dataset, gate, model
from training.challenger import Challenger, register, registered_before
from training.dataset import TrainingSet
from training.gate import Verdict
from training.model import Trained
from training.progress import Progress
from training.verdict import REFUSED

logger = logging.getLogger(__name__)

PROMOTIONS: Final = 50
"""Newest promotions that are looked at for one of this version."""


class Outcome(NamedTuple):
    """What a training came to."""

    version: Version
    document: ModelDocument
    verdict: Verdict
    trained: Trained | None
    """None where an earlier run of this training had made the version."""


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
        engine: Engine = HERE,
    ) -> None:
        """Prepare; `say` hears one sentence per stage, `clock` gives microseconds since the epoch."""
        self._settings = settings
        self._store = store
        self._registry = registry
        self._clock = clock
        self._git_commit = git_commit
        self._say = say
        self._engine = engine
        self._progress = Progress(None, store=store, clock=clock)

    def run(self, reason: str, *, actor: str = "", force: bool = False) -> Outcome:
        """Train a challenger, register it, ask the gate, and promote it where the gate says so.

        Raises UnusableTrainingData where the data can't carry a model (trying again can't help), TrainingUnderWay where
        another has the slot (with `force` it is given up), TrainingGivenUp where this one was, an OutsideError where
        store or registry fail; either way the champion keeps its place and the ledger says what happened.
        """
        self._registry.ping()
        entry = begin_by_hand(reason, actor=actor, force=force, store=self._store, clock=self._clock)
        return self._carry_out(entry)

    def run_asked(self, number: int) -> Outcome | None:
        """Do the training that the ledger has claimed a number for; None where it has ended already."""
        self._registry.ping()
        entry = begin_asked(number, store=self._store, clock=self._clock)
        return self._carry_out(entry) if entry else None

    def _carry_out(self, entry: LedgerEntry) -> Outcome:
        self._progress = Progress(entry, store=self._store, clock=self._clock)
        with contextlib.ExitStack() as unless_done:
            unless_done.push(self._progress.fail)
            challenger = self._registered_before() or self._made()
            verdict = self._judge(challenger)
            unless_done.pop_all()
        with contextlib.suppress(TrainingGivenUp):  # too late: it has promoted what it made, or need not
            self._progress.leave(DONE, verdict=verdict.word, reason=verdict.reason)
        version = self._registry.version(challenger.version.number)
        return Outcome(version, challenger.bundle.document, verdict, challenger.trained)

    def _registered_before(self) -> Challenger | None:
        """Return what a run of this training had registered before it was stopped."""
        found = registered_before(self._progress.mark, registry=self._registry)
        if found:
            self._say(f"Version {found.version.number} is there from an earlier run of this training.")
            self._registered(found.version, found.bundle.document)
        return found

    def _made(self) -> Challenger:
        """Fit a model and register it."""
        trained = model.fit(
            self._training_set(),
            self._settings,
            now=self._clock(),
            git_commit=self._git_commit,
            progress=self._say,
            engine=self._engine,
        )
        made = register(trained, mark=self._progress.mark, registry=self._registry)
        self._say(f"Registered as version {made.version.number}, alias challenger.")
        self._registered(made.version, trained.document, watermark=trained.training_set.window.last)
        return made

    def _registered(self, version: Version, document: ModelDocument, **known: int) -> None:
        """Say in the ledger which version came of it and which events it read, also for those who ask to be forgotten."""
        self._progress.leave(
            REGISTERED,
            version=version.number,
            events=document.events,
            **data_window(document.periods.values(), first_event=self._store.events.time_at_rank(0)),
            **known,
        )

    def _training_set(self) -> TrainingSet:
        return dataset.build(self._store, self._settings, now=self._clock(), engine=self._engine)

    def _judge(self, challenger: Challenger) -> Verdict:
        """Ask the gate, unless it has spoken before, and act on what it says."""
        version = challenger.version
        self._progress.check()
        verdict = Verdict.of_tags(version.tags) or self._asked_gate(challenger)
        if verdict.promotes and not self._is_promoted(version):
            self._progress.check()
            return self._promote(version, verdict)
        return verdict

    def _asked_gate(self, challenger: Challenger) -> Verdict:
        """Ask the gate with both bundles as they would be served, and write its verdict on the version."""
        trained = challenger.trained
        verdict = gate.judge(
            trained.training_set if trained else self._training_set(),
            challenger=challenger.bundle,
            champion=self._champion(),
            settings=self._settings,
        )
        self._registry.tag(challenger.version.number, verdict.tags())
        self._say(f"The gate says: {verdict.word}. {verdict.reason}")
        return verdict

    def _is_promoted(self, version: Version) -> bool:
        """Whether an earlier run promoted it to the end; what came after is not this training's to undo."""
        ended = {promotion.DONE, promotion.SUPERSEDED}
        entries = self._store.ledger.latest(PROMOTIONS, promotion.KIND)
        return any(entry.subject == version.number and entry.state in ended for entry in entries)

    def _promote(self, version: Version, verdict: Verdict) -> Verdict:
        """Promote what the gate let through; return its verdict, or `refused` where this very model was rolled back before.

        Where a challenger is to be tried beside the champion first, that is asked for instead.
        """
        mode = self._settings.experiment_mode
        if mode != "none" and self._store.champion() is not None:
            plan = plan_of(self._settings, mode)
            key = f"{challenge.KIND}:training:{self._progress.mark}"
            intend(version, plan, reason=verdict.reason, store=self._store, clock=self._clock, key=key)
            self._say(f"It is tried beside the champion first ({mode}).")
            return verdict
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
            return msgspec.structs.replace(verdict, word=REFUSED, reason=str(error))
        return verdict

    def _champion(self) -> Bundle | None:
        """Return what is served now: by the store's record, wherever the alias is, or without one by the alias.

        A champion that neither can give back whole must not stop every training after it: None, and a warning.
        """
        record, alias = self._store.champion(), self._registry.at(PRODUCTION)
        if record is not None:
            number, digest = record.version, record.digest
        elif alias is not None:
            number, digest = alias.number, alias.digest
        else:
            return None
        with contextlib.suppress(BrokenBundle):
            return bundle_of(self._store, digest)
        try:
            return self._registry.bundle(self._registry.version(number))
        except (BrokenBundle, VersionNotFound) as error:
            logger.warning("no whole champion", extra={"version": number, "error": str(error)})
            return None
