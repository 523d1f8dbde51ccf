"""The files behind the paths, folders and URLs that were named: the one module that knows fsspec."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Literal, NamedTuple

import fsspec

from jobs.ingest.addresses import explained, shown
from propensity.errors import InputMissing, NotText

Kind = Literal["text", "gzip", "parquet"]
HASH_BYTES: Final = 1 << 20
GZIP: Final = b"\x1f\x8b"
PARQUET: Final = b"PAR1"
MARKERS: Final = frozenset({"_SUCCESS"})
"""Empty files that other tools leave in a folder to say that it is complete."""


@dataclass(frozen=True, kw_only=True)
class LogFile:
    """One file of an event log, wherever it lies."""

    name: str
    """How people are told of it: a path, or a URL without what opens it."""
    size: int
    path: str
    system: Any
    """The fsspec file system that `path` belongs to; the library has no types."""

    @property
    def key(self) -> str:
        """What tells it from other files: two names may read alike where the difference may not be shown."""
        return f"{self.system.protocol}:{self.path}"

    @property
    def is_local(self) -> bool:
        """Whether its name is a path on this machine."""
        return _is_local(self.system)

    @contextmanager
    def open(self) -> "Iterator[Tracked]":
        """Open it for reading; InputMissing where that fails, now or later."""
        with explained(self.name, is_local=self.is_local):
            stream = self.system.open(self.path, "rb")
        with stream:
            yield Tracked(stream, file=self)

    def beginnings(self, sizes: Iterable[int]) -> Iterator["Beginning"]:
        """Yield its beginnings of these sizes, shortest first, the file itself for larger ones; reads no further.

        InputMissing where it can't be read.
        """
        buffer = memoryview(bytearray(HASH_BYTES))
        last = b""
        with self.open() as tracked:
            for size in sorted(sizes):
                while count := tracked.readinto(buffer[: min(HASH_BYTES, size - tracked.done)]):
                    last = bytes(buffer[count - 1 : count])
                yield Beginning(tracked.done, tracked.digest, last == b"\n")


class Beginning(NamedTuple):
    """The first bytes of a file."""

    size: int
    digest: str
    ends_line: bool


class Tracked(io.RawIOBase):
    """A stream that knows how far it was read, and the digest of what was read."""

    def __init__(self, stream: Any, *, file: LogFile) -> None:
        self._stream = stream
        self._file = file
        self._digest = hashlib.sha256()
        self.done = 0

    def readable(self) -> bool:
        """Say that it is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into the buffer, taking note."""
        with explained(self._file.name, is_local=self._file.is_local):
            data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._digest.update(data)
        self.done += len(data)
        return len(data)

    @property
    def digest(self) -> str:
        """SHA-256 of all bytes read so far, in hexadecimal."""
        return self._digest.hexdigest()


def find_files(paths: Sequence[str]) -> list[LogFile]:
    """Return the files behind all paths, folders walked in sorted order, each file once; InputMissing for none."""
    found = {file.key: file for path in paths for file in _files_behind(path)}
    return list(found.values())


def kind_of(start: bytes) -> Kind:
    """Tell by its first bytes what a file is, whatever it is called."""
    if start.startswith(GZIP):
        return "gzip"
    return "parquet" if start.startswith(PARQUET) else "text"


@contextmanager
def unpacked(stream: BinaryIO, *, name: str) -> Iterator[BinaryIO]:
    """Give the text inside a gzip stream; NotText where the archive is damaged."""
    try:
        with gzip.open(stream) as inside:
            yield inside  # type: ignore[misc]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise NotText(f"{name} is a damaged gzip file ({error}). Copy or export it again.") from error


def _files_behind(path: str) -> list[LogFile]:
    with explained(shown(path), is_local="://" not in path):
        system, inner = fsspec.core.url_to_fs(path)
        names = system.find(inner) if _is_folder(system, inner) else [inner]
        files = [
            LogFile(
                name=name if _is_local(system) else shown(system.unstrip_protocol(name)),
                size=system.size(name) or 0,
                path=name,
                system=system,
            )
            for name in sorted(names)
            if name == inner or not _is_hidden(name.removeprefix(inner))
        ]
    if not files:
        raise InputMissing(f"The folder {shown(path)} holds no file. Name the one with the log.")
    return files


def _is_local(system: Any) -> bool:
    return system.protocol == "file" or "file" in system.protocol


def _is_folder(system: Any, path: str) -> bool:
    # Asked of a web server, fsspec fetches the whole file and takes it for a folder where it finds links in it.
    is_web = "http" in system.protocol
    return path.endswith("/") if is_web else system.isdir(path)


def _is_hidden(path: str) -> bool:
    parts = path.split("/")
    return parts[-1] in MARKERS or any(part.startswith(".") for part in parts)
