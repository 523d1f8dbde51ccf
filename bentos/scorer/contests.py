"""Takes part in the experiment that is on: looks for it in the store, begins and ends its contest, reports what it sees.

The record in the store is all the operator has to say to a pod, and it can only be obeyed while it can be read: a pod
that has not read it for a while splits no users any more, because nobody could stop it.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from bentos.scorer.challenger import questions, shadows
from bentos.scorer.challenger.challenger import Challenger
from bentos.scorer.challenger.questions import Questions
from bentos.scorer.challenger.shadows import Shadows
from bentos.scorer.challenger.tally import Tally
from bentos.scorer.contest import Contest
from bentos.scorer.keeper import Keeper
from bentos.scorer.measures import Measures
from bentos.scorer.recording import By
from bentos.scorer.serving import Serving
from propensity.errors import BrokenBundle, StoreUnavailable
from propensity.lifecycle.champion import bundle_of
from propensity.store import Experiment, Prediction, Store, Trial

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0
"""How soon an experiment, a larger share or its end is taken up."""
LEASE_SECONDS: Final = 30.0
"""How long users are split without the record having been read."""


class Contests:
    """Holds the contest of the moment."""

    def __init__(
        self,
        store: Store | None,
        *,
        keeper: Keeper,
        log: Callable[[Prediction], None],
        measures: Measures,
        deadline_seconds: float,
        memory_mb: int,
        boot: str,
        pod: str,
        now: Callable[[], int],
    ) -> None:
        """Look at a store, if there is one; `deadline_seconds` is how long a request waits for the challenger."""
        self._store = store
        self._keeper = keeper
        self._log = log
        self._measures = measures
        self._deadline_seconds = deadline_seconds
        self._memory_mb = memory_mb
        self._boot = boot
        self._pod = pod
        self._now = now
        self._read_at = 0.0
        self._reported: Trial | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="contests", daemon=True)
        self.current: Contest | None = None
        """What requests take part in; None nearly always."""

    def start(self) -> None:
        """Begin to look."""
        if self._store is not None:
            self._thread.start()

    def stop(self) -> None:
        """Stop looking, and end the challenger's process."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def look(self) -> None:
        """Take part in what the store says is on."""
        try:
            experiment = self._store.experiments.current() if self._store else None
        except StoreUnavailable:
            if time.monotonic() - self._read_at > LEASE_SECONDS:
                self._end()
            return
        self._read_at = time.monotonic()
        self._follow(experiment, self._keeper.serving)

    def _follow(self, experiment: Experiment | None, serving: Serving | None) -> None:
        if experiment is None or serving is None or experiment.champion != serving.reference:
            self._end()
            return
        contest = self.current
        if contest is not None and self._is_same(contest, experiment, serving):
            if contest.experiment != experiment:
                contest.take_over(experiment)
        elif self._measures.challenger is None or self._measures.challenger.number != experiment.number:
            self._end()
            self._begin(experiment, serving)
        elif contest is not None:
            self._end()
        self._report()

    def _is_same(self, contest: Contest, experiment: Experiment, serving: Serving) -> bool:
        return contest.experiment.number == experiment.number and contest.serving is serving

    def _begin(self, experiment: Experiment, serving: Serving) -> None:
        tally = Tally(number=experiment.number, mode=experiment.mode)
        self._measures.challenger = tally
        version, _, digest = experiment.challenger.partition("@")
        try:
            bundle = bundle_of(self._needed_store, digest)
            document = bundle.document
        except BrokenBundle as error:
            logger.warning("challenger can't be had", extra={"why": str(error)})
            tally.given_up = str(error)
            return
        by = By(version, document.threshold, document.feature_version)
        answering: Shadows | Questions
        if experiment.mode == "shadow":
            challenger = Challenger(
                bundle.files,
                niceness=shadows.NICENESS,
                memory_mb=self._memory_mb,
                patience=shadows.PATIENCE,
                tally=tally,
            )
            answering = Shadows(challenger, by=by, log=self._log, tally=tally)
        else:
            challenger = Challenger(
                bundle.files,
                niceness=0,
                memory_mb=self._memory_mb,
                patience=questions.PATIENCE,
                tally=tally,
            )
            answering = Questions(challenger, seconds=self._deadline_seconds, tally=tally)
        answering.start()
        self.current = Contest(
            experiment, serving=serving, by=by, document=document, tally=tally, answering=answering
        )
        logger.info("experiment joined", extra={"number": experiment.number, "mode": experiment.mode})

    def _end(self) -> None:
        contest, self.current = self.current, None
        if contest is not None:
            contest.close()
            logger.info("experiment left", extra={"number": contest.experiment.number})
        self._measures.challenger = None

    def _report(self) -> None:
        """Tell the operator what was seen, where there is news."""
        if self._measures.challenger is None:
            return
        at = self._reported.at if self._reported else 0
        trial = self._measures.challenger.trial(boot=self._boot, pod=self._pod, at=at)
        if trial != self._reported:
            fresh = self._measures.challenger.trial(boot=self._boot, pod=self._pod, at=self._now())
            try:
                self._needed_store.experiments.report(fresh)
            except StoreUnavailable as error:
                logger.warning("challenger not reported on", extra={"why": str(error)})
                return
            self._reported = fresh

    @property
    def _needed_store(self) -> Store:
        assert self._store is not None  # noqa: S101 - without one there is no thread
        return self._store

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except Exception:  # the thread's door: an experiment's trouble is not the service's
                logger.exception("experiment could not be looked at")
                self._end()
            self._stopping.wait(LOOK_SECONDS)
        self._end()
