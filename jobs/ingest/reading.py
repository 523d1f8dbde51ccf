"""One file read, cleaned and spilled: all there is to know of it before any of it is written."""

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from jobs.ingest.cleaning import clean
from jobs.ingest.files import LogFile, kind_of, unpacked
from jobs.ingest.lines import read_lines
from jobs.ingest.parquet import read_parquet
from jobs.ingest.rows import read_rows
from jobs.ingest.spill import Spill, on_disk
from jobs.ingest.tally import Tally
from propensity.errors import EmptyInput, HeaderOnly, InputError
from propensity.events.formats import LogFormat

START_BYTES: Final = 64 << 10
PACKED: Final = 8
"""How many times its size a compressed file may unpack to; only the number of buckets hangs on it."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one file holds."""

    file: LogFile
    digest: str
    tally: Tally
    spill: Spill
    lack: InputError | None
    """What to say where there is no row in it."""


def read(
    file: LogFile, *, folder: Path, log_format: LogFormat, now: int, progress: Callable[[int], None]
) -> Reading:
    """Read a file into a spill in `folder`, which must be empty; `progress` hears the bytes read so far."""
    tally = Tally()
    lack: InputError | None = None
    with file.open() as tracked:
        stream = io.BufferedReader(tracked, START_BYTES)
        start = stream.peek(START_BYTES)
        spill = Spill(folder, source_bytes=file.size * (1 if kind_of(start) == "text" else PACKED))
        for block in _blocks(stream, start, folder, log_format, file.name):
            cleaned = clean(block, log_format=log_format, now=now)
            tally.add(cleaned, file=file.name)
            spill.put(cleaned)
            progress(tracked.done)
            lack = HeaderOnly(f"{file.name} has a header and no row. Name a log with events in it.")
        lack = lack or EmptyInput(f"{file.name} is empty. Name a log with events in it.")
        return Reading(
            file=file, digest=tracked.digest, tally=tally, spill=spill, lack=None if tally.rows else lack
        )


def _blocks(
    stream: BinaryIO, start: bytes, folder: Path, log_format: LogFormat, name: str
) -> Iterator[pl.DataFrame]:
    kind = kind_of(start)
    if kind == "parquet":
        # Parquet is read from its end, and a stream has none to start from.
        copy = folder / "copy.parquet"
        with on_disk(), copy.open("wb") as out:
            shutil.copyfileobj(stream, out, 1 << 20)
        yield from read_parquet(copy, log_format=log_format, name=name)
        copy.unlink()
    elif kind == "gzip":
        with unpacked(stream, name=name) as text:
            yield from read_rows(read_lines(text, name=name), log_format=log_format, name=name)
    else:
        yield from read_rows(read_lines(stream, name=name), log_format=log_format, name=name)
