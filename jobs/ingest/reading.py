"""One file read, cleaned and spilled: all there is to know of it before any of it is written."""

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import polars as pl

from jobs.ingest import lines
from jobs.ingest.cleaning import clean
from jobs.ingest.columns import has_controls, to_columns
from jobs.ingest.files import LogFile, kind_of, unpacked
from jobs.ingest.parallel import in_order
from jobs.ingest.parquet import read_parquet
from jobs.ingest.rows import Layout, find_layout
from jobs.ingest.spill import Packed, Spill, on_disk
from jobs.ingest.tally import Tally
from propensity.errors import EmptyInput, HeaderOnly, InputError
from propensity.events.formats import LogFormat

START_BYTES: Final = 64 << 10
COPY: Final = "copy.parquet"
PACKED: Final = 8
"""How many times its size a compressed file may unpack to; only the number of buckets hangs on it."""
MAX_THREADS: Final = 8
"""Blocks cleaned at once, where there are as many cores: each takes some 80 MB while it is."""


class Texts(NamedTuple):
    """Rows as text, and what no field of them holds."""

    rows: pl.DataFrame
    has_spaces: bool = True
    has_controls: bool = True


Block = Callable[[], Texts]
"""Makes the rows of a block; called where there is a core to do it."""


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
        blocks = _blocks(stream, start, folder, log_format, file.name)
        work = partial(_take_in, spill=spill, name=file.name, log_format=log_format, now=now)
        for found, packed in in_order(work, blocks, threads=min(pl.thread_pool_size(), MAX_THREADS)):
            tally.merge(found)
            spill.put(packed)
            progress(tracked.done)
            lack = HeaderOnly(f"{file.name} has a header and no row. Name a log with events in it.")
        (folder / COPY).unlink(missing_ok=True)
        lack = lack or EmptyInput(f"{file.name} is empty. Name a log with events in it.")
        return Reading(
            file=file, digest=tracked.digest, tally=tally, spill=spill, lack=None if tally.rows else lack
        )


def _take_in(
    block: Block, *, spill: Spill, name: str, log_format: LogFormat, now: int
) -> tuple[Tally, Packed]:
    rows, has_spaces, has_controls = block()
    cleaned = clean(rows, log_format=log_format, now=now, has_spaces=has_spaces, has_controls=has_controls)
    found = Tally()
    found.add(cleaned, file=name)
    return found, spill.pack(cleaned)


def _blocks(
    stream: BinaryIO, start: bytes, folder: Path, log_format: LogFormat, name: str
) -> Iterator[Block]:
    kind = kind_of(start)
    if kind == "parquet":
        # Parquet is read from its end, and a stream has none to start from.
        copy = folder / COPY
        with on_disk(), copy.open("wb") as out:
            shutil.copyfileobj(stream, out, 1 << 20)
        for rows in read_parquet(copy, log_format=log_format, name=name):
            yield partial(_of_parquet, rows)
    elif kind == "gzip":
        with unpacked(stream, name=name) as text:
            yield from _text_blocks(text, log_format=log_format, name=name)
    else:
        yield from _text_blocks(stream, log_format=log_format, name=name)


def _text_blocks(stream: BinaryIO, *, log_format: LogFormat, name: str) -> Iterator[Block]:
    layout: Layout | None = None
    for block in lines.read_blocks(stream, name=name):
        rest = block
        if layout is None:
            first_line, after = block.take_first()
            if not first_line:
                continue
            layout = find_layout(first_line, log_format=log_format, name=name)
            rest = after if log_format.has_header else block
        yield partial(_of_text, rest, layout)


def _of_text(block: lines.Block, layout: Layout) -> Texts:
    return Texts(to_columns(block, layout), b" " in block.data, has_controls(block))


def _of_parquet(rows: Callable[[], pl.DataFrame]) -> Texts:
    return Texts(rows())
