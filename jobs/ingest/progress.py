"""How far an ingest of several files is, in bytes: half of a byte is reading it, half is storing its event."""

from collections.abc import Callable, Sequence

from jobs.ingest.files import LogFile


class Progress:
    """Adds up what was read and stored of each file and tells it on."""

    def __init__(self, files: Sequence[LogFile], tell: Callable[[int, int], None] | None) -> None:
        """Take the function that hears bytes done and bytes in all, if anybody listens."""
        self._total = sum(file.size for file in files)
        self._tell = tell
        self._read: dict[str, int] = {}
        self._stored: dict[str, int] = {}

    def read(self, file: LogFile, done: int) -> None:
        """Take note that a file was read up to this byte."""
        self._read[file.key] = min(done, file.size)
        self._report()

    def stored(self, file: LogFile, share: float) -> None:
        """Take note that this share of a file's events is stored."""
        self._stored[file.key] = int(file.size * share)
        self._report()

    def skipped(self, file: LogFile) -> None:
        """Take note that there is nothing to do for a file."""
        self._read[file.key] = self._stored[file.key] = file.size
        self._report()

    def _report(self) -> None:
        if self._tell:
            self._tell((sum(self._read.values()) + sum(self._stored.values())) // 2, self._total)
