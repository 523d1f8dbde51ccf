"""Lines taken apart into the columns of an event, still as text, with the number of the line they stand in.

Lines without a quote, nearly all of them, are split as a column; the others go one by one through the csv module,
which knows the rules of quoting.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from propensity.errors import WrongFormat
from propensity.events import Reason
from propensity.events.formats import FORMATS, LogFormat


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the fields of an event stand in a line."""

    positions: Mapping[str, int]
    width: int
    delimiter: str

    def take_apart(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Return columns line, raw, fault and one of text per position; a line that can't be split has a fault."""
        readable = pl.col("fault").is_null()
        quoted = pl.col("raw").str.contains('"', literal=True)
        parts = [self._plain(lines.filter(readable & ~quoted))]
        doubtful = lines.filter(~readable | quoted)
        if doubtful.height:
            parts.append(self._one_by_one(doubtful))
        return pl.concat(parts)

    def _plain(self, lines: pl.DataFrame) -> pl.DataFrame:
        raw = pl.col("raw")
        fields = raw.str.split_exact(self.delimiter, self.width - 1)
        whole = raw.str.count_matches(self.delimiter, literal=True) == self.width - 1
        return lines.with_columns(
            pl.when(~whole).then(pl.lit(Reason.FIELD_COUNT.value)).alias("fault"), fields.alias("fields")
        ).select(
            *("line", "raw", "fault"),
            *(pl.col("fields").struct[at].alias(name) for name, at in self.positions.items()),
        )

    def _one_by_one(self, lines: pl.DataFrame) -> pl.DataFrame:
        rows = [(line, raw, *self._fields(raw, fault)) for line, raw, fault in lines.iter_rows()]
        schema = lines.schema | dict.fromkeys(self.positions, pl.String())
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _fields(self, raw: str, fault: str | None) -> tuple[str | None, ...]:
        """Return the fault of one line, then its fields."""
        fields = [] if fault else split_line(raw, self.delimiter)
        if len(fields) != self.width:
            return fault or Reason.FIELD_COUNT.value, *(None for _ in self.positions)
        return None, *(fields[at] for at in self.positions.values())


def find_layout(first_line: str, *, log_format: LogFormat, name: str) -> Layout:
    """Return where the fields stand in a text with this first line; WrongFormat where it is not of this format."""
    return _layout(split_line(first_line, log_format.delimiter), log_format, name)


def split_line(raw: str, delimiter: str) -> list[str]:
    """Return the fields of one line by the rules of quoting; none where they are broken."""
    try:
        return next(csv.reader([raw], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def column_positions(columns: Sequence[str], log_format: LogFormat, name: str) -> dict[str, int]:
    """Return where each field of an event stands among named columns; WrongFormat where that is not plain."""
    if missing := log_format.missing_from(columns):
        raise _wrong(name, columns, log_format, f"has no {_listed(missing)}")
    if foreign := log_format.foreign_in(columns):
        raise _wrong(name, columns, log_format, f"has {_listed(foreign)}, which the format does not know")
    wanted = {field: column for field, column in log_format.columns.items() if column in columns}
    if twice := [column for column in wanted.values() if columns.count(column) > 1]:
        raise WrongFormat(
            f"{name} names {_listed(twice)} twice in its header. Rename the column that is not meant, or leave it out."
        )
    return {field: columns.index(column) for field, column in wanted.items()}


def _layout(first: list[str], log_format: LogFormat, name: str) -> Layout:
    if not log_format.has_header:
        return _layout_by_position(first, log_format, name)
    columns = [column.strip(" ") for column in first]
    return Layout(
        positions=column_positions(columns, log_format, name),
        width=len(columns),
        delimiter=log_format.delimiter,
    )


def _layout_by_position(first: list[str], log_format: LogFormat, name: str) -> Layout:
    width = log_format.width or len(first)
    last = max(log_format.positions.values())
    if width <= last:
        raise WrongFormat(
            f"{name} has {width} fields in its first line, but the format counts to column {last} (from 0). "
            "Check --map and --delimiter."
        )
    if _is_header(first, log_format):
        raise _wrong(name, first, log_format, "starts with a header, which such a log has not")
    return Layout(positions=log_format.positions, width=width, delimiter=log_format.delimiter)


def _is_header(first: list[str], log_format: LogFormat) -> bool:
    """Whether a first line names columns: nothing in it is a number, and no event type stands where one should."""
    at = log_format.positions["event_type"]
    is_event = at < len(first) and first[at].strip(" ") in log_format.types
    return (
        bool(first)
        and not is_event
        and not any(character.isdigit() for field in first for character in field[:1])
    )


def _wrong(name: str, found: Sequence[str], log_format: LogFormat, fault: str) -> WrongFormat:
    likely = [other.name for other in FORMATS.values() if other is not log_format and other.fits(found)]
    advice = (
        f"It looks like --format {likely[0]}"
        if likely
        else "Name another --format, or describe it with --map"
    )
    return WrongFormat(
        f"{name} is no {log_format.name} log: it {fault}; found {_listed(found)}, "
        f"wanted {_listed(log_format.columns.values())}. {advice}."
    )


def _listed(names: Iterable[str]) -> str:
    """Return names for a message, cut: a wrong file's first line may be anything."""
    shown = [name[:40] for name in names]
    return ", ".join(shown[:12]) + (", …" if len(shown) > 12 else "")
