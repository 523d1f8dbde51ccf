"""A block of lines into the columns of an event, all at once where that is safe and line by line where it is not.

Polars' own parser takes a third of the time that splitting takes, but forgives: it fills short rows, takes quotes for
quoting across lines, and drops empty lines and carriage returns. So it gets only blocks in which nothing can be
read in two ways, and its answer counts only if every line has every field. Any other block goes through `lines` and
`rows`, whose verdict is the one that holds; a property test keeps the two at the same columns.
"""

from typing import Final

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from jobs.ingest.lines import BOM, Block, split
from jobs.ingest.rows import Layout

ABSENT: Final = "\x1f"
"""Stands in no line that is parsed at once, so that a parse by it returns whole lines."""
_TWO_WAYS: Final = (b'"', b"\r", ABSENT.encode())
"""Empty lines are not among them: the parser drops them, so that its lines are too few."""


SPACE: Final = 0x20
SLICE_BYTES: Final = 256 << 10
"""What a core's cache holds, so that what is compared is read from memory once."""


def to_columns(block: Block, layout: Layout) -> pl.DataFrame:
    """Return columns line, raw, fault and one of text per position, as `Layout.take_apart` does for the block's lines."""
    found = _at_once(block, layout)
    return layout.take_apart(split(block)) if found is None else found


def _at_once(block: Block, layout: Layout) -> pl.DataFrame | None:
    data = block.data.replace(b"\r\n", b"\n") if b"\r" in block.data else block.data
    if not _is_plain(data) or data.count(layout.delimiter.encode()) != block.height * (layout.width - 1):
        return None
    try:
        # As many delimiters as there should be, and no line with too many, which is an error unless it only ends with one
        # more: so none with too few either.
        fields = _parsed(data, layout.width, delimiter=layout.delimiter)
        raw = _parsed(data, 1, delimiter=ABSENT).to_series()
    except PolarsError:
        return None
    if not block.height == fields.height == len(raw) or not _are_even(data, raw, layout):
        return None
    columns = [fields[f"{at}"].alias(name) for name, at in layout.positions.items()]
    found = pl.DataFrame([raw.alias("raw"), *columns]).with_row_index("line", offset=block.before + 1)
    return found.select("line", "raw", pl.lit(None, pl.String).alias("fault"), *layout.positions)


def _are_even(data: bytes, raw: pl.Series, layout: Layout) -> bool:
    """Whether no line has one delimiter more at its end, which the parser forgives, and another one less."""
    last = layout.delimiter.encode()
    if last + b"\n" not in data and not data.endswith(last):
        return True
    return bool((raw.str.count_matches(layout.delimiter, literal=True) == layout.width - 1).all())


def _is_plain(data: bytes) -> bool:
    """Whether a block is text in which nothing but newlines and delimiters means anything to a parser."""
    if not data or data.startswith(BOM) or any(mark in data for mark in _TWO_WAYS):
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _parsed(data: bytes, width: int, *, delimiter: str) -> pl.DataFrame:
    return pl.read_csv(
        data,
        has_header=False,
        schema={f"{at}": pl.String() for at in range(width)},
        separator=delimiter,
        quote_char=None,
    )


def has_controls(block: Block) -> bool:
    """Whether there may be a control character in a block, besides those that end its lines; in no time."""
    if not block.data.isascii():
        return True
    data = np.frombuffer(block.data, np.uint8)
    ends = block.newlines + (block.data.count(b"\r\n") if b"\r" in block.data else 0)
    low = sum(
        int(np.count_nonzero(data[at : at + SLICE_BYTES] < SPACE)) for at in range(0, len(data), SLICE_BYTES)
    )
    return low > ends or b"\x7f" in block.data
