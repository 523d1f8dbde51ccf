"""The blocks of a file of any kind, each as something to call where there is a core to make its rows."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import polars as pl

from jobs.ingest import lines
from jobs.ingest.columns import has_controls, to_columns
from jobs.ingest.files import Kind, unpacked
from jobs.ingest.parquet import read_parquet
from jobs.ingest.rows import Layout, find_layout
from jobs.ingest.spill import on_disk
from propensity.events.formats import LogFormat

COPY: Final = "copy.parquet"


class Texts(NamedTuple):
    """Rows as text, and what no field of them holds."""

    rows: pl.DataFrame
    has_spaces: bool = True
    has_controls: bool = True


Block = Callable[[], Texts]


def blocks_of(
    stream: BinaryIO, *, kind: Kind, folder: Path, log_format: LogFormat, name: str, offset: int
) -> Iterator[Block]:
    """Yield a file's blocks; of a text only what stands beyond the first `offset` bytes. `folder` may be written to."""
    if kind == "parquet":
        # Parquet is read from its end, and a stream has none to start from.
        copy = folder / COPY
        with on_disk(), copy.open("wb") as out:
            shutil.copyfileobj(stream, out, 1 << 20)
        for rows in read_parquet(copy, log_format=log_format, name=name):
            yield partial(_of_parquet, rows)
    elif kind == "gzip":
        with unpacked(stream, name=name) as text:
            yield from _of_lines(text, log_format=log_format, name=name, offset=0)
    else:
        yield from _of_lines(stream, log_format=log_format, name=name, offset=offset)


def _of_lines(stream: BinaryIO, *, log_format: LogFormat, name: str, offset: int) -> Iterator[Block]:
    layout: Layout | None = None
    for block in lines.read_blocks(stream, name=name):
        rest = block
        if layout is None:
            first_line, after = block.take_first()
            if not first_line:
                continue
            layout = find_layout(first_line, log_format=log_format, name=name)
            rest = after if log_format.has_header else block
        yield partial(_of_text, rest.beyond(offset), layout)


def _of_text(block: lines.Block, layout: Layout) -> Texts:
    return Texts(to_columns(block, layout), b" " in block.data, has_controls(block))


def _of_parquet(rows: Callable[[], pl.DataFrame]) -> Texts:
    return Texts(rows())
