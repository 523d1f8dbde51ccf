"""A challenger that is asked through its process, which is started anew when it fails, and after a few times given up."""

import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final

from bentos.scorer.challenger.child import Child, Failed, NotStarted
from bentos.scorer.challenger.tally import Tally
from propensity.errors import BrokenBundle
from propensity.model import TOLERANCE

logger = logging.getLogger(__name__)

DEATHS: Final = 3
"""Within `DEATHS_SECONDS`, after which the pod asks it no more."""
DEATHS_SECONDS: Final = 600.0
PAUSE_SECONDS: Final = 1.0
"""Before it is started anew; doubled with each death of that time."""


class Challenger:
    """Answers rows where it can; for one thread."""

    def __init__(
        self, files: Mapping[str, bytes], *, niceness: int, memory_mb: int, patience: float, tally: Tally
    ) -> None:
        """Name the bundle's files; `patience` is how long one call may take before its process counts as hung."""
        self._files = files
        self._niceness = niceness
        self._memory_mb = memory_mb
        self._patience = patience
        self._tally = tally
        self._deaths: deque[tuple[float, bool]] = deque(maxlen=DEATHS)
        self._back_at = 0.0
        self._is_over = False
        self.child: Child | None = None

    def probabilities(self, rows: Sequence[bytes]) -> list[float | None]:
        """Return its answers; None for one that is no probability, and for all where it gives none."""
        child = self.running()
        if child is None:
            return [None] * len(rows)
        try:
            answers = child.probabilities(rows, seconds=self._patience)
        except Failed as failure:
            if not self._is_over:  # else it was told to
                self._tally.failed += len(rows)
                self._lose(str(failure))
            return [None] * len(rows)
        sound = [_sound(answer) for answer in answers]
        unsound = sound.count(None)
        self._tally.unsound += unsound
        self._tally.answered += len(sound) - unsound
        return sound

    def running(self) -> Child | None:
        """Return its process, started where it has to be; None while it rests or once it is given up."""
        if self.child is not None and not self.child.is_alive():
            self._lose("Its process ended.")
        is_wanted = not (self._is_over or self._tally.given_up)
        if self.child is None and is_wanted and time.monotonic() >= self._back_at:
            try:
                child = Child(self._files, niceness=self._niceness, memory_mb=self._memory_mb)
                self._tally.started = True
                self.child = child
            except BrokenBundle as error:
                self._give_up(str(error))
            except NotStarted as failure:
                self._lose(str(failure), is_pods_own=True)
            except Failed as failure:
                self._lose(str(failure))
        return self.child

    def interrupt(self) -> None:
        """Kill its process from another thread, so that a call that hangs in it ends; nothing is asked afterwards."""
        self._is_over = True
        if self.child is not None:
            self.child.kill()

    def end(self) -> None:
        """End its process."""
        if self.child is not None:
            self.child.end()
            self.child = None

    def _lose(self, why: str, *, is_pods_own: bool = False) -> None:
        self.end()
        now = time.monotonic()
        self._tally.deaths += 1
        self._deaths.append((now, is_pods_own))
        recent = [is_own for at, is_own in self._deaths if now - at < DEATHS_SECONDS]
        logger.warning("challenger failed", extra={"why": why, "deaths": len(recent)})
        if len(recent) == DEATHS:
            self._tally.is_pods_own = all(recent)
            self._give_up(f"It failed {DEATHS} times within {DEATHS_SECONDS / 60:g} minutes; last: {why}")
        self._back_at = now + PAUSE_SECONDS * 2 ** (len(recent) - 1)

    def _give_up(self, why: str) -> None:
        logger.error("challenger given up", extra={"why": why})
        self._tally.given_up = why


def _sound(answer: float) -> float | None:
    """Return a probability, with what adding float32 rounds out of 0 to 1 taken back; None for another number."""
    if not isfinite(answer) or not -TOLERANCE <= answer <= 1 + TOLERANCE:
        return None
    return min(1.0, max(0.0, answer))
