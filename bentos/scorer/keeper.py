"""Keeps a verified model at hand: finds it at the start, and on a laptop follows the champion without a restart.

On the cluster a pod serves what it started with: there a rollout replaces pods, so that a model that does not verify
never takes traffic. The thread never touches the model that is served; it makes another one and swaps the reference.
"""

import logging
import threading
import time
from typing import Final

from bentos.scorer.measures import Measures
from bentos.scorer.model_source import packaged_at, take_up, wanted
from bentos.scorer.problems import not_ready
from bentos.scorer.serving import Serving
from propensity.errors import ModelError, PropensityError, StoreUnavailable
from propensity.settings import Settings
from propensity.store import Store

logger = logging.getLogger(__name__)

FOLLOW_SECONDS: Final = 2.0
"""How soon a promotion is taken up."""
WAIT_SECONDS: Final = 0.5
"""How often a service without a model looks for one."""
REFUSED_SECONDS: Final = 30.0
"""When a version that did not verify is tried again: a stalled machine may have been the reason."""
STORE_AWAY: Final = "The store does not answer. Try again later."
"""Readiness is told without a key: hosts and paths are for the log."""


class Keeper:
    """Holds the model that is served."""

    def __init__(self, settings: Settings, *, store: Store | None, measures: Measures) -> None:
        self._settings = settings
        self._store = store
        self._measures = measures
        self._refused: tuple[str, float] = ("", 0.0)
        self._stopping = threading.Event()
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model-keeper", daemon=True)
        self.serving: Serving | None = None
        """What is served; None while not ready."""
        self.reason = "The model is being loaded. Ask again in a moment."
        """Why it is not ready, in one sentence, and what to do."""
        is_pinned = bool(settings.model_reference or packaged_at(settings))
        self._follows = settings.platform == "embedded" and not is_pinned

    def start(self) -> None:
        """Begin to look for the model."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def ready(self, *, wait_seconds: float = 0.0) -> Serving:
        """Return the model served; a Problem says why there is none, after the first look or this time."""
        if self.serving is None and wait_seconds:
            self._looked.wait(wait_seconds)
        if self.serving is None:
            raise not_ready(self.reason)
        return self.serving

    def look(self) -> None:
        """Take up the version that is wanted, if it is another than the one served and verifies."""
        try:
            reference = wanted(self._settings, self._store)
            if not self._is_news(reference):
                return
            self._take_up(reference)
        except StoreUnavailable as error:
            self._give(STORE_AWAY, why=str(error))
        except PropensityError as error:
            self._give(str(error), why=str(error))
        except Exception:  # the thread's door: whatever is wrong with a bundle, what is served stays
            logger.exception("model could not be looked for")
            self.reason = "The model could not be loaded. See the service's log."
        finally:
            self._looked.set()

    def _give(self, reason: str, *, why: str) -> None:
        """Give a reason to everybody who asks, and log why in full, once."""
        if reason != self.reason:
            logger.warning("no model taken up", extra={"why": why})
        self.reason = reason

    def _is_news(self, reference: str) -> bool:
        if self.serving is not None and reference in {self.serving.reference, "packaged"}:
            return False
        refused, again_at = self._refused
        return reference != refused or time.monotonic() >= again_at

    def _take_up(self, reference: str) -> None:
        try:
            serving = take_up(reference, settings=self._settings, store=self._store)
        except ModelError:
            self._refused = (reference, time.monotonic() + REFUSED_SECONDS)
            self._measures.model_refusals += 1
            raise
        self.serving = serving
        self._measures.model = (serving.version, serving.model.bundle.digest)
        logger.info("model taken up", extra={"reference": serving.reference})

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.look()
            if self.serving is not None and not self._follows:
                return
            self._stopping.wait(FOLLOW_SECONDS if self.serving else WAIT_SECONDS)
