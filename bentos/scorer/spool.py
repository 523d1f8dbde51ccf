"""Where prediction records wait on disk while the store is away, or slower than the traffic.

A folder of append-only segments. A segment is a run of frames (length, CRC-32, msgpack of a list of predictions), one
fsync a frame; the one being written ends in `.part`, is locked by its writer and gets its final name by a rename.
Whatever a killed process left is read up to its torn end. Records carry their own key, so that replaying one twice
changes nothing.
"""

import contextlib
import fcntl
import logging
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from propensity.store import Prediction

logger = logging.getLogger(__name__)

SEGMENT_BYTES: Final = 4 * 1024 * 1024
"""A segment is sealed at this size: it is what a replay that is interrupted does again."""
_FRAME: Final = struct.Struct("<II")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Prediction])


class Spool:
    """Prediction records on disk, oldest first out, bounded in size."""

    def __init__(self, folder: Path, *, boot: str, max_bytes: int) -> None:
        """Take over a folder with what earlier processes left in it.

        `boot` names this process's segments and must sort by when it started: that makes names sort by age.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._boot = boot
        self._max_bytes = max_bytes
        self._number = 0
        self._open: BinaryIO | None = None
        self.size = sum(path.stat().st_size for path in self._segments())
        """Bytes on disk."""

    def append(self, predictions: Sequence[Prediction]) -> bool:
        """Write records durably; False where the folder is full or the disk refuses."""
        content = _encoder.encode(list(predictions))
        frame = _FRAME.pack(len(content), zlib.crc32(content)) + content
        if self.size + len(frame) > self._max_bytes:
            return False
        try:
            part = self._open or self._start()
            part.write(frame)
            part.flush()
            os.fsync(part.fileno())
            self.size += len(frame)
            if part.tell() >= SEGMENT_BYTES:
                self.seal()
        except OSError as error:
            logger.warning(
                "spool can't be written", extra={"error": type(error).__name__, "errno": error.errno}
            )
            return False
        return True

    def seal(self) -> None:
        """Give the segment being written its final name, so that it may be replayed."""
        if self._open is None:
            return
        path = Path(self._open.name)
        with self._open:
            path.rename(path.with_suffix(".seg"))
        self._open = None

    def is_empty(self) -> bool:
        """Whether nothing is left to replay."""
        return not self._segments()

    def oldest(self) -> Path | None:
        """Return the segment to replay next; one that another process is writing is not touched."""
        for path in self._segments():
            if self._open is not None and path == Path(self._open.name):
                self.seal()
                return path.with_suffix(".seg")
            if path.suffix == ".seg" or not _is_being_written(path):
                return path
        return None

    def remove(self, segment: Path) -> None:
        """Delete a segment that was replayed."""
        with contextlib.suppress(FileNotFoundError):
            size = segment.stat().st_size
            segment.unlink()
            self.size = max(0, self.size - size)

    def _start(self) -> BinaryIO:
        while True:
            self._number += 1
            path = self._folder / f"{self._boot}-{self._number:08d}.part"
            if not path.exists() and not path.with_suffix(".seg").exists():
                break
        self._open = path.open("ab")
        fcntl.flock(self._open, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self._open

    def _segments(self) -> list[Path]:
        found = [path for path in self._folder.iterdir() if path.suffix in {".seg", ".part"}]
        return sorted(found, key=lambda path: path.name)


def read_segment(segment: Path) -> Iterator[list[Prediction]]:
    """Yield the frames of a segment up to its end or the first torn one."""
    with segment.open("rb") as file:
        while head := file.read(_FRAME.size):
            if len(head) < _FRAME.size:
                break
            length, checksum = _FRAME.unpack(head)
            content = file.read(length)
            if len(content) < length or zlib.crc32(content) != checksum:
                logger.warning("spooled segment has a torn end", extra={"segment": segment.name})
                break
            try:
                yield _decoder.decode(content)
            except msgspec.DecodeError:
                logger.warning("spooled records are of another release", extra={"segment": segment.name})


def _is_being_written(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return True
    return False
