"""The challenger's process: `python -m bentos.scorer.challenger.process MEGABYTES`, started by a scorer pod.

It is told everything through its standard input: the bundle's files, then rows of float32 in the order of NAMES, and
answers a probability for each. It has no store, no keys, none of our environment. Before it reads the first byte of a
model it gives up the right to open anything more, file or connection, and to take more memory than it was told: a model
is data, but a large library reads it. It ends with the pod, in the middle of a row if need be.
"""

import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Final, NoReturn

import msgspec
import numpy as np

from bentos.scorer.challenger.frames import READY, Ended, framed, read_frame
from propensity.bundle import Bundle
from propensity.errors import BrokenBundle
from propensity.features.definition import NAMES
from propensity.model import Model

STATM: Final = Path("/proc/self/statm")
DATA_PAGES: Final = 5
"""Its place there of what RLIMIT_DATA counts: private memory that may be written, touched or not."""
LOOK_SECONDS: Final = 1.0
"""How often it looks whether the pod is still there."""


def main() -> None:
    """Verify the model that is handed in and answer with it until the pipe is closed."""
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    _shut(memory_mb=int(sys.argv[1]))
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        _answer(sys.stdin.fileno(), out)
    except (Ended, BrokenPipeError):
        return
    except Exception as error:  # noqa: BLE001 - the process's door; a text might quote a row
        sys.exit(f"The challenger ended with {type(error).__name__}.")


def _answer(rows_from: int, answers_to: int) -> None:
    def read(size: int) -> bytes:
        return os.read(rows_from, size)

    def write(content: bytes) -> None:
        left = memoryview(framed(content))
        while left:
            left = left[os.write(answers_to, left) :]

    try:
        model = Model(Bundle(msgspec.msgpack.decode(read_frame(read), type=dict[str, bytes])))
        model.verify()
    except BrokenBundle as error:
        write(str(error).encode())
        return
    write(READY)
    columns = [NAMES.index(name) for name in model.document.features]
    while True:
        table = np.frombuffer(read_frame(read), dtype="<f4").reshape(-1, len(NAMES))
        write(model.probabilities(np.ascontiguousarray(table[:, columns])).astype("<f4").tobytes())


def _shut(*, memory_mb: int) -> None:
    """Open nothing more, whatever is closed, and take so much more memory at most; no process can take that back."""
    if STATM.exists():  # not on a Mac
        taken = int(STATM.read_text().split()[DATA_PAGES]) * resource.getpagesize()
        most = taken + memory_mb * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _end_with(parent: int) -> NoReturn:
    while True:
        if os.getppid() != parent:
            os._exit(1)
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
