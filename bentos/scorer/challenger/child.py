"""The pod's end of the challenger's process: starts it, asks it within a time, ends it whatever it is doing."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from bentos.scorer.challenger.frames import (
    READY,
    Ended,
    TooLong,
    TooSlow,
    framed,
    read_frame,
    reader,
    write_all,
)
from propensity.errors import BrokenBundle

MOST_SAID: Final = 10_000
"""Bytes of the sentence in which it says why it did not start."""
START_SECONDS: Final = 60.0
"""For the imports, the loading and the verification on a machine that is busy with requests."""
PROGRAM: Final = (sys.executable, "-m", "bentos.scorer.challenger.process")


NICE: Final = "/usr/bin/nice"
"""In front of the program, so that loading a second's worth of libraries is no work of the first rank either."""


class Failed(Exception):
    """The process ended, hung or did not start; its text says which."""


class TooLate(Failed):
    """It gave no answer in time."""


class NotStarted(Failed):
    """There was no process, or no word of it in time: the machine's trouble, as far as can be told."""


class Child:
    """One process; for one thread at a time."""

    def __init__(self, files: Mapping[str, bytes], *, niceness: int, memory_mb: int) -> None:
        """Start it and have it verify the bundle: BrokenBundle where it does not, Failed where nothing came of it.

        Its model may take `memory_mb` beyond what the libraries take.
        """
        self._process = _started(niceness, memory_mb)
        try:
            said = self._exchange(msgspec.msgpack.encode(dict(files)), seconds=START_SECONDS, most=MOST_SAID)
        except TooLate as failure:
            self.end()
            raise NotStarted(str(failure)) from failure
        except BaseException:
            self.end()
            raise
        if said != READY:
            self.end()
            raise BrokenBundle(said.decode(errors="replace"))

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def probabilities(self, rows: Sequence[bytes], *, seconds: float) -> list[float]:
        """Return its answers to packed rows, whatever numbers they are; Failed where there are none in time."""
        said = self._exchange(b"".join(rows), seconds=seconds, most=4 * len(rows))
        if len(said) != 4 * len(rows):
            raise Failed("It answered another number of rows than it was asked.")
        answers: list[float] = np.frombuffer(said, dtype="<f4").tolist()
        return answers

    def kill(self) -> None:
        """Kill it; to be called by any thread."""
        self._process.kill()

    def end(self) -> None:
        """Kill it and take its remains away."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _exchange(self, content: bytes, *, seconds: float, most: int) -> bytes:
        until = time.monotonic() + seconds
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None  # noqa: S101 - both are pipes
        assert answers is not None  # noqa: S101
        try:
            write_all(asked.fileno(), framed(content), until=until)
            return read_frame(reader(answers.fileno(), until=until), most=most)
        except TooLong as error:
            raise Failed("It answered more than it was asked.") from error
        except TooSlow as error:
            raise TooLate(f"It gave no answer within {seconds:g} s.") from error
        except Ended as error:
            raise Failed("Its process ended.") from error


def _started(niceness: int, memory_mb: int) -> "subprocess.Popen[bytes]":
    path = os.pathsep.join(entry or "." for entry in sys.path)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own words
            [NICE, "-n", str(niceness), *PROGRAM, str(memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": path},
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the service, which ends it
        )
    except OSError as error:
        raise NotStarted(f"It can't be started ({error.strerror}).") from error
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)
    return process
