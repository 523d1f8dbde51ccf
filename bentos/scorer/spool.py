"""Where prediction records wait on disk while the store is away, or slower than the traffic.

A folder of append-only segments, one fsync a frame; the one being written ends in `.part`, is locked by its writer and
gets its final name by a rename. Whatever a killed process left is read up to its torn end. Records carry their own
key, so that replaying one twice changes nothing. For one thread.
"""

import contextlib
import fcntl
import io
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bentos.scorer.clearing import NEW, clear_segment
from bentos.scorer.segments import framed, is_being_written
from propensity.store import Prediction
from propensity.store.forgotten import Forgotten

logger = logging.getLogger(__name__)

SEGMENT_BYTES: Final = 4 * 1024 * 1024
"""A segment is sealed at this size: it is what a replay that is interrupted does again."""
ASIDE: Final = ".aside"
"""What can't be replayed; kept for a person to look at until its room is needed."""
_WAITING: Final = {".seg", ".part"}


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
        self._open: io.FileIO | None = None
        self._stuck: set[Path] = set()
        """Segments that the disk lets us neither delete nor rename: not to be replayed for ever."""
        for copy in self._files({NEW}):
            copy.unlink()
        self.size = self._measured()
        """Bytes on disk."""

    def append(self, predictions: Sequence[Prediction]) -> bool:
        """Write records durably; False where the folder is full or the disk refuses."""
        frame = framed(predictions)
        try:
            if not self._has_room(len(frame)):
                return False
            part = self._open or self._start()
            _write(part, frame)
        except OSError as error:
            _warn("spool can't be written", error)
            self.seal()
            return False
        self.size += len(frame)
        if part.tell() >= SEGMENT_BYTES:
            self.seal()
        return True

    def seal(self) -> Path | None:
        """Let go of the segment being written, so that it may be replayed; return where it is."""
        if self._open is None:
            return None
        part, self._open = self._open, None
        path = Path(str(part.name))
        try:
            with part:
                if part.tell():
                    return path.rename(path.with_suffix(".seg"))
                path.unlink()
                return None
        except OSError as error:
            _warn("spooled segment keeps the name of one being written", error)
            return path

    def oldest(self) -> Path | None:
        """Return the segment to replay next; one that another process is writing is not touched."""
        for path in self._files(_WAITING):
            if self._open is not None and path == Path(str(self._open.name)):
                return self.seal()
            if path not in self._stuck and (path.suffix == ".seg" or not is_being_written(path)):
                return path
        return None

    def remove(self, segment: Path) -> None:
        """Delete a segment that was replayed."""
        try:
            size = segment.stat().st_size
            segment.unlink()
            self.size = max(0, self.size - size)
        except FileNotFoundError:
            return
        except OSError as error:
            _warn("spooled segment can't be deleted", error)
            self._stuck.add(segment)

    def set_aside(self, segment: Path) -> None:
        """Keep a segment that can't be replayed out of the way of the others."""
        try:
            segment.rename(segment.with_suffix(ASIDE))
        except OSError as error:
            _warn("spooled segment can't be set aside", error)
            self._stuck.add(segment)

    def clear(self, forgotten: Forgotten) -> int | None:
        """Take forgotten users out of every segment, and what can't be read; return how many of these are lost by it.

        None where the disk refused and it has to be done again. What was set aside had been counted as lost before.
        """
        self.seal()
        lost = _clear(self._files({*_WAITING, ASIDE}), forgotten)
        self.size = self._measured()
        return lost

    def _measured(self) -> int:
        return sum(path.stat().st_size for path in self._files({*_WAITING, ASIDE}))

    def _has_room(self, size: int) -> bool:
        if self.size + size > self._max_bytes:
            for path in self._files({ASIDE}):
                self.remove(path)
        return self.size + size <= self._max_bytes

    def _start(self) -> io.FileIO:
        while True:
            self._number += 1
            path = self._folder / f"{self._boot}-{self._number:08d}.part"
            if not path.exists() and not path.with_suffix(".seg").exists():
                break
        self._open = io.FileIO(path, "ab")
        fcntl.flock(self._open, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self._open

    def _files(self, suffixes: set[str]) -> list[Path]:
        return _files(self._folder, suffixes)


def clear_left_behind(folder: Path, forgotten: Forgotten) -> int | None:
    """Take forgotten users out of a folder that perhaps no process lives in any more; return as `Spool.clear` does."""
    if not folder.is_dir():
        return 0
    for copy in _files(folder, {NEW}):
        copy.unlink(missing_ok=True)  # whose process lives finds its segment cleared by us
    return _clear(_files(folder, {*_WAITING, ASIDE}), forgotten)


def _files(folder: Path, suffixes: set[str]) -> list[Path]:
    return sorted((path for path in folder.iterdir() if path.suffix in suffixes), key=lambda path: path.name)


def _clear(segments: Sequence[Path], forgotten: Forgotten) -> int | None:
    lost: int | None = 0
    for path in segments:
        if path.suffix == ".part" and is_being_written(path):
            continue  # another process's, which clears its own
        try:
            cleared = clear_segment(path, forgotten)
        except FileNotFoundError:
            continue  # another process replayed it
        except OSError as error:
            _warn("spooled segment can't be cleared of forgotten users", error)
            lost = None
            continue
        if lost is not None and path.suffix != ASIDE:
            lost += cleared.unreadable
    return lost


def _write(part: io.FileIO, frame: bytes) -> None:
    """Write all of a frame durably, or leave nothing of it: what follows a torn one could not be read."""
    start = part.tell()
    try:
        left = memoryview(frame)
        while left:
            left = left[part.write(left) :]
        os.fsync(part.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            part.truncate(start)
        raise


def _warn(message: str, error: OSError) -> None:
    logger.warning(message, extra={"error": type(error).__name__, "errno": error.errno})
