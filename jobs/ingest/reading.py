"""One file read, cleaned and spilled: all there is to know of it before any of it is written."""

import io
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from jobs.ingest.blocks import COPY, Block, blocks_of
from jobs.ingest.cleaning import clean
from jobs.ingest.files import LogFile, kind_of
from jobs.ingest.parallel import in_order
from jobs.ingest.spill import Packed, Spill, on_disk, pack
from jobs.ingest.tally import Tally
from propensity.errors import EmptyInput, HeaderOnly, InputError
from propensity.events import Reason
from propensity.events.formats import LogFormat
from propensity.store.records import IngestRecord

START_BYTES: Final = 64 << 10
MAX_THREADS: Final = 8
"""Blocks cleaned at once, where there are as many cores: each takes some 40 MB while it is."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one file holds."""

    file: LogFile
    digest: str
    size: int
    tally: Tally
    spill: Spill
    lack: InputError | None
    """What to say where there is no row in it."""
    known: IngestRecord | None
    """Of its beginning, where that was taken in before: counted in the tally, but not in the spill."""


def read(
    file: LogFile,
    *,
    folder: Path,
    log_format: LogFormat,
    now: int,
    progress: Callable[[int], None],
    known: IngestRecord | None = None,
) -> Reading:
    """Read a file into a spill in `folder`, which must be empty; `progress` hears the bytes read so far.

    The beginning that `known` is the record of is not taken apart again, if nothing after it can hang on it.
    """
    tally = Tally()
    lack: InputError = EmptyInput(f"{file.name} is empty. Name a log with events in it.")
    with file.open() as tracked:
        stream = io.BufferedReader(tracked, START_BYTES)
        kind = kind_of(stream.peek(START_BYTES))
        known = known if kind == "text" else None
        offset = known.bytes if known else 0
        spill = Spill(folder)
        blocks = blocks_of(
            stream, kind=kind, folder=folder, log_format=log_format, name=file.name, offset=offset
        )
        work = partial(_take_in, name=file.name, log_format=log_format, now=now)
        for found, packed in in_order(work, blocks, threads=min(pl.thread_pool_size(), MAX_THREADS)):
            tally.merge(found)
            spill.put(packed)
            progress(tracked.done)
            lack = HeaderOnly(f"{file.name} has a header and no row. Name a log with events in it.")
        (folder / COPY).unlink(missing_ok=True)
    if known and not _stands_alone(tally, known):
        _empty(folder)
        return read(file, folder=folder, log_format=log_format, now=now, progress=progress)
    if known:
        tally.merge(_tally_of(known))
    return Reading(
        file=file,
        digest=tracked.digest,
        size=tracked.done,
        tally=tally,
        spill=spill,
        lack=None if tally.rows else lack,
        known=known,
    )


def _take_in(block: Block, *, name: str, log_format: LogFormat, now: int) -> tuple[Tally, Packed]:
    rows, has_spaces, has_controls = block()
    cleaned = clean(rows, log_format=log_format, now=now, has_spaces=has_spaces, has_controls=has_controls)
    found = Tally()
    found.add(cleaned, file=name)
    return found, pack(cleaned)


def _stands_alone(tally: Tally, known: IngestRecord) -> bool:
    """Whether no event can equal one of the beginning, whose number would then be part of its id."""
    if tally.has_ids or tally.first_time is None or known.last_time is None:
        return True
    return tally.first_time > known.last_time


def _tally_of(known: IngestRecord) -> Tally:
    # not in a tally: that users were forgotten says nothing against the export
    refused = Counter({reason: rows for reason, rows in known.refused.items() if reason != Reason.FORGOTTEN})
    return Tally(
        rows=known.rows,
        refused=refused,
        examples=dict.fromkeys(refused, f"{known.file}, where it was read before"),
        first_time=known.first_time,
        last_time=known.last_time,
    )


def _empty(folder: Path) -> None:
    with on_disk():
        shutil.rmtree(folder)
        folder.mkdir()
