"""The files behind the paths, folders and URLs that were named: the one module that knows fsspec."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Literal

import fsspec

from propensity.errors import InputMissing, NotText

Kind = Literal["text", "gzip", "parquet"]
GZIP: Final = b"\x1f\x8b"
PARQUET: Final = b"PAR1"
MARKERS: Final = frozenset({"_SUCCESS"})
"""Empty files that other tools leave in a folder to say that it is complete."""


@dataclass(frozen=True, kw_only=True)
class LogFile:
    """One file of an event log, wherever it lies."""

    name: str
    """How people are told of it: a path, or a URL without credentials."""
    size: int
    path: str
    system: Any
    """The fsspec file system that `path` belongs to; the library has no types."""

    @contextmanager
    def open(self) -> "Iterator[Tracked]":
        """Open it for reading; InputMissing where that fails, now or later."""
        try:
            stream = self.system.open(self.path, "rb")
        except OSError as error:
            raise unreadable(self.name, error) from error
        with stream:
            yield Tracked(stream, name=self.name)


class Tracked(io.RawIOBase):
    """A stream that knows how far it was read, and the digest of what was read."""

    def __init__(self, stream: Any, *, name: str) -> None:
        self._stream = stream
        self._name = name
        self._digest = hashlib.sha256()
        self.done = 0

    def readable(self) -> bool:
        """Say that it is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into the buffer, taking note."""
        try:
            data = self._stream.read(len(buffer))
        except OSError as error:
            raise unreadable(self._name, error) from error
        buffer[: len(data)] = data
        self._digest.update(data)
        self.done += len(data)
        return len(data)

    @property
    def digest(self) -> str:
        """SHA-256 of all bytes read so far, in hexadecimal."""
        return self._digest.hexdigest()


def unreadable(name: str, error: BaseException) -> InputMissing:
    """Return the error for something that is there, perhaps, but can't be opened or read."""
    said = str(error).rstrip(".") or type(error).__name__
    return InputMissing(f"{name} can't be read ({said}). Check the path, its permissions and the connection.")


def find_files(paths: Sequence[str]) -> list[LogFile]:
    """Return the files behind all paths, folders walked in sorted order, each file once; InputMissing for none."""
    found = {file.name: file for path in paths for file in _files_behind(path)}
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
    try:
        system, inner = fsspec.core.url_to_fs(path)
        names = system.find(inner) if system.isdir(inner) else [inner]
        local = system.protocol == "file" or "file" in system.protocol
        files = [
            LogFile(
                name=name if local else _without_credentials(system.unstrip_protocol(name)),
                size=system.size(name) or 0,
                path=name,
                system=system,
            )
            for name in sorted(names)
            if name == inner or not _is_hidden(name.removeprefix(inner))
        ]
    except FileNotFoundError as error:
        raise InputMissing(f"There is nothing at {_without_credentials(path)}. Check the path.") from error
    except (OSError, ValueError, ImportError) as error:
        raise unreadable(_without_credentials(path), error) from error
    if not files:
        raise InputMissing(
            f"The folder {_without_credentials(path)} holds no file. Name the one with the log."
        )
    return files


def _is_hidden(path: str) -> bool:
    parts = path.split("/")
    return parts[-1] in MARKERS or any(part.startswith(".") for part in parts)


def _without_credentials(url: str) -> str:
    """Return a URL without user, password and query: a signed one opens the file to whoever reads a log."""
    if "://" not in url:
        return url
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"
