"""The laptop's ground: a training is a process of its own, and what is served is a line in a file.

A process holds a lock on its log for as long as it lives, whatever ends it: a number is never started twice, and one
that is gone is known at once, without trusting a process id that may be somebody else's by now.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from propensity.errors import StoreUnavailable

TRAINING_COMMAND: Final = (sys.executable, "-m", "propensity", "train", "--retrain", "--number")

_DETACH: Final = (
    "import subprocess, sys\n"
    "process = subprocess.Popen(sys.argv[1:], start_new_session=True)\n"
    "print(f'Training {sys.argv[-1]} is process {process.pid}.')\n"
)
"""Starts a process and leaves it to the system, so that nobody here has to wait for its end."""


class EmbeddedPlatform:
    """lifecycle.platform.Platform in one folder."""

    def __init__(self, home: Path, *, command: Sequence[str] = TRAINING_COMMAND) -> None:
        """Keep logs and the served reference in `home`; `command` gets the number as its last word."""
        self._home = home
        self._command = command

    def start_training(self, number: int, _triggers: Sequence[object], /) -> str:
        """Start the training as a process that outlives this one; its output goes to its log."""
        with self._opened(number) as log:
            if not _locked(log) or log.tell():
                return log.name  # somebody started it before
            self._begin(number, log)
        return log.name

    def training_is_gone(self, number: int, /) -> bool:
        """Whether no process holds the log of this number."""
        with self._opened(number) as log:
            return _locked(log)

    def annotated(self) -> str:
        """Return the line in the file; empty where there is none."""
        return self._served.read_text(encoding="utf-8").strip() if self._served.exists() else ""

    def annotate(self, reference: str, /) -> None:
        """Write the line; the service itself follows the store's record of the champion."""
        self._home.mkdir(parents=True, exist_ok=True)
        fresh = self._served.with_suffix(".new")
        fresh.write_text(f"{reference}\n", encoding="utf-8")
        fresh.replace(self._served)

    def is_ready(self) -> bool:
        """Whether anything was written: the bundle was verified before, and the service verifies it again."""
        return bool(self.annotated())

    @property
    def _served(self) -> Path:
        return self._home / "served-model"

    def _opened(self, number: int) -> IO[str]:
        folder = self._home / "trainings"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return (folder / f"training-{number}.log").open("a", encoding="utf-8")
        except OSError as error:
            raise StoreUnavailable(
                f"The folder {folder} can't be written ({error}). Set PROPENSITY_HOME."
            ) from error

    def _begin(self, number: int, log: IO[str]) -> None:
        """Begin the process: it inherits the log and with it the lock, which ends when it does."""
        subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-I", "-S", "-c", _DETACH, *self._command, str(number)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PROPENSITY_HOME": str(self._home)},
            check=True,
        )


def _locked(log: IO[str]) -> bool:
    """Take the lock of a log; False where a living process has it."""
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
