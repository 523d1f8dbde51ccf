"""The parts of one scorer process, put together from the settings and taken apart in order."""

import logging
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bentos.scorer.contests import Contests
from bentos.scorer.explaining import Explaining
from bentos.scorer.forgetting import Forgetting
from bentos.scorer.intake import Intake
from bentos.scorer.keeper import Keeper
from bentos.scorer.keys import Guard
from bentos.scorer.lookup import Lookup
from bentos.scorer.measures import Measures
from bentos.scorer.model_source import packaged_at
from bentos.scorer.prediction_log import PredictionLog
from bentos.scorer.recording import Recording
from bentos.scorer.scoring import Scoring
from bentos.scorer.spool import Spool
from propensity.settings import Settings
from propensity.store import open_store

logger = logging.getLogger(__name__)

LOG_ANSWER_SECONDS: Final = 5.0
"""How long the log's own connections wait: it has a spool to turn to, others want an answer."""


class Assembly:
    """Everything a request may need."""

    def __init__(self, settings: Settings, *, now: Callable[[], int]) -> None:
        """Put the parts together; SettingsError where the settings can't be served. Nothing runs yet."""
        self.measures = Measures()
        self.guard = Guard.of(settings, monotonic=time.monotonic)
        uri = settings.store_uri.get_secret_value()
        self._store = open_store(uri) if has_store(settings) else None
        self.keeper = Keeper(settings, store=self._store, measures=self.measures)
        self._lookup = Lookup(self._store, measures=self.measures, monotonic=time.monotonic)
        boot = f"{now():x}-{secrets.token_hex(3)}"
        self._log_store = open_store(uri, timeout=LOG_ANSWER_SECONDS) if self._store is not None else None
        self._log = PredictionLog(
            self._log_store, spool=self._open_spool(settings, boot=boot), measures=self.measures
        )
        self.forgetting = Forgetting(
            self._store, log=self._log, now=now, salt=lambda: secrets.token_bytes(32)
        )
        self.intake = Intake(self._store, measures=self.measures, now=now)
        pod = settings.pod_name or socket.gethostname()
        self.contests = Contests(
            self._store,
            keeper=self.keeper,
            log=self._log.add,
            measures=self.measures,
            deadline_seconds=settings.experiment_deadline_ms / 1000,
            memory_mb=settings.experiment_memory_mb,
            boot=boot,
            pod=pod,
            now=now,
        )
        self.scoring = Scoring(
            keeper=self.keeper,
            lookup=self._lookup,
            contests=self.contests,
            recording=Recording(self._log, measures=self.measures, pod=pod, boot=boot),
            now=now,
        )
        self.explaining = Explaining(self.scoring)

    def start(self) -> None:
        """Start the threads that find the model and write the log."""
        self.keeper.start()
        self._log.start()
        self.forgetting.start()
        self.contests.start()

    def stop(self) -> None:
        """Write out what is in memory and let go of the store."""
        self.contests.stop()
        self.keeper.stop()
        self.forgetting.stop()
        self._lookup.close()
        self._log.close()
        for store in (self._log_store, self._store):
            if store is not None:
                store.close()

    def _open_spool(self, settings: Settings, *, boot: str) -> Spool | None:
        if self._store is None:
            return None
        try:
            return Spool(Path(settings.spool_path), boot=boot, max_bytes=settings.spool_max_mb * 1024 * 1024)
        except OSError as error:
            logger.warning(
                "spool folder can't be used: predictions are lost while the store is away",
                extra={"folder": settings.spool_path, "error": type(error).__name__},
            )
            return None


def has_store(settings: Settings) -> bool:
    """Whether there is a store: a packaged model has one only where an address was set."""
    return packaged_at(settings) is None or "store_uri" in settings.model_fields_set
