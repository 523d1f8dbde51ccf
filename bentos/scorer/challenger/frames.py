"""What goes through the pipes between a pod and its challenger's process: a length, and as many bytes.

The child reads and writes for as long as it takes; the pod only until a deadline, whatever the child does.
"""

import os
import select
import struct
import time
from collections.abc import Callable
from typing import Final

HEAD: Final = struct.Struct("<I")
READY: Final = b""
"""The child's first frame where its model verified; else the frame says in a sentence why it did not."""


class Ended(Exception):
    """The other side is gone."""


class TooSlow(Exception):
    """The deadline passed."""


class TooLong(Exception):
    """The other side wants to send more than was asked for."""


def read_frame(read: Callable[[int], bytes], *, most: int = 2**32) -> bytes:
    """Return the next frame; Ended where there is none any more, TooLong before more than `most` bytes are read."""
    (length,) = HEAD.unpack(_read(read, HEAD.size))
    if length > most:
        raise TooLong
    return _read(read, length)


def framed(content: bytes) -> bytes:
    """Return the bytes of a frame."""
    return HEAD.pack(len(content)) + content


def reader(descriptor: int, *, until: float) -> Callable[[int], bytes]:
    """Return what reads from a pipe that does not block, up to a time of the monotonic clock."""

    def read(size: int) -> bytes:
        _wait(descriptor, select.POLLIN, until=until)
        return os.read(descriptor, size)

    return read


def write_all(descriptor: int, content: bytes, *, until: float) -> None:
    """Write into a pipe that does not block; Ended or TooSlow where that can't be done."""
    left = memoryview(content)
    while left:
        _wait(descriptor, select.POLLOUT, until=until)
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            continue
        except OSError as error:
            raise Ended from error


def _wait(descriptor: int, event: int, *, until: float) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
        raise TooSlow


def _read(read: Callable[[int], bytes], size: int) -> bytes:
    parts = []
    while size:
        part = read(size)
        if not part:
            raise Ended
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
