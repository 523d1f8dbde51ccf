"""What a scorer process does about users who asked to be forgotten: `POST /forget`, and clearing its own spool.

The id travels in a body and not in a path, because paths stand in every proxy's log. Other processes are told by nobody:
each asks the store every few seconds how many users are forgotten, and clears what waits on its disk when that grew.
"""

import logging
import threading
from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from bentos.scorer.answers import ForgetAnswer
from bentos.scorer.prediction_log import PredictionLog
from bentos.scorer.problems import no_store, store_away
from bentos.scorer.requests import PLAIN_TEXT, UserId, decoded
from propensity.errors import StoreUnavailable
from propensity.lifecycle.erasure import forget
from propensity.store import Store

logger = logging.getLogger(__name__)

ASK_SECONDS: Final = 5.0
"""How often the store is asked; lifecycle.erasure.PODS_SECONDS promises what follows from it."""
MAX_REASON: Final = 500
OPEN: Final = "somebody at an open service"
"""Who asks where there are no keys."""


class ForgetRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Whom to forget and why; the ledger keeps the reason without the id."""

    user_id: UserId
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_REASON, pattern=PLAIN_TEXT)]


_request: Final = msgspec.json.Decoder(ForgetRequest)


class Forgetting:
    """Forgets users on request, and follows what was forgotten elsewhere."""

    def __init__(
        self,
        store: Store | None,
        *,
        log: PredictionLog,
        now: Callable[[], int],
        salt: Callable[[], bytes],
    ) -> None:
        self._store = store
        self._log = log
        self._now = now
        self._salt = salt
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="forgetting", daemon=True)

    def start(self) -> None:
        """Begin to ask the store who is forgotten."""
        if self._store is not None:
            self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def forget(self, body: bytes, *, actor: str) -> ForgetAnswer:
        """Answer `POST /forget`; blocking. The same request again finishes what one left half-way."""
        asked = decoded(body, _request, fields=2)
        if self._store is None:
            raise no_store()
        try:
            erasure = forget(
                asked.user_id,
                reason=asked.reason,
                actor=actor or OPEN,
                store=self._store,
                clock=self._now,
                salt=self._salt(),
            )
        except StoreUnavailable as error:
            logger.warning("a user can't be forgotten now", extra={"why": str(error)})
            raise store_away() from error
        return ForgetAnswer(
            forgotten_as=str(erasure.entry.subject),
            found=erasure.found,
            model_versions=erasure.learned.versions,
            trainings_under_way=erasure.learned.under_way,
            model_versions_untold=erasure.learned.untold,
            ledger_entry=erasure.entry.sequence,
            pods_within_seconds=erasure.pods_seconds,
        )

    def look(self) -> None:
        """Hand the log the marks there are, where it has not acted on them yet."""
        assert self._store is not None  # noqa: S101 - start has seen to it
        try:
            forgotten = self._store.forgotten.current()
        except StoreUnavailable:
            return  # who misses it says so; here it is asked again in a moment
        if forgotten.number != self._log.cleared:
            self._log.forget(forgotten)

    def _run(self) -> None:
        while True:
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - the thread's door; it must go on asking
                logger.error("the forgotten can't be read", extra={"error": type(error).__name__})  # noqa: TRY400
            if self._stopping.wait(ASK_SECONDS):
                return
