"""Rows of a Parquet file in the form that text rows have, so that one set of rules cleans both."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl
from polars.exceptions import PolarsError

from jobs.ingest.rows import column_positions
from propensity.errors import NotText, WrongFormat
from propensity.events.formats import LogFormat

CHUNK_ROWS: Final = 200_000
"""As text about as much as a block of a text file, times two."""


def read_parquet(path: Path, *, log_format: LogFormat, name: str) -> Iterator[Callable[[], pl.DataFrame]]:
    """Yield what reads some rows: line (from 1), raw, fault and the event's fields as text, times as microseconds.

    NotText, from here or from there, where the file is damaged; WrongFormat where its columns are others.
    """
    with _damage_explained(name):
        schema = pl.read_parquet_schema(path)
        positions = _positions(list(schema), log_format, name)
        columns = {field: list(schema)[at] for field, at in positions.items()}
        scan = pl.scan_parquet(path)
        height = scan.select(pl.len()).collect().item()
        for offset in range(0, max(height, 1), CHUNK_ROWS):
            yield partial(_as_text, scan.slice(offset, CHUNK_ROWS), schema, columns, name, offset)


@contextmanager
def _damage_explained(name: str) -> Iterator[None]:
    try:
        yield
    except PolarsError as error:
        raise NotText(f"{name} is a damaged Parquet file ({error}). Copy or export it again.") from error


def _positions(names: list[str], log_format: LogFormat, name: str) -> dict[str, int]:
    if log_format.has_header:
        return column_positions(names, log_format, name)
    width = log_format.width or max(log_format.positions.values()) + 1
    if len(names) < width:
        raise WrongFormat(
            f"{name} has {len(names)} columns where {width} are wanted. Check --format or --map."
        )
    return dict(log_format.positions)


def _as_text(
    scan: pl.LazyFrame, schema: dict[str, pl.DataType], columns: dict[str, str], name: str, offset: int
) -> pl.DataFrame:
    nested = [column for column in columns.values() if schema[column].is_nested()]
    if nested:
        raise WrongFormat(
            f"{name} keeps lists or structs in {', '.join(nested)}. Map columns of single values."
        )
    rows = scan.select(_text(field, column, schema[column]) for field, column in columns.items())
    raw = pl.concat_str(pl.all().cast(pl.String).fill_null(""), separator=",")
    with _damage_explained(name):
        found = rows.with_columns(raw.alias("raw"), pl.lit(None, pl.String).alias("fault")).collect()
    return found.with_row_index("line", offset=offset + 1)


def _text(field: str, column: str, dtype: pl.DataType) -> pl.Expr:
    """Return one column as text; a moment as microseconds, an integer that was kept as a float as an integer."""
    value = pl.col(column)
    if field == "event_time" and dtype.is_temporal():
        return value.cast(pl.Datetime("us")).dt.epoch("us").alias(field)
    if dtype.is_float():
        value = value.fill_nan(None)
        whole = pl.when(value == value.floor()).then(value).cast(pl.Int64, strict=False)
        return pl.coalesce(whole.cast(pl.String), value.cast(pl.String)).alias(field)
    return value.cast(pl.String, strict=False).alias(field)
