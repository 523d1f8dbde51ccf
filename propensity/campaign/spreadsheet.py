"""CSV that a spreadsheet opens without running anything in it.

Spreadsheets take a cell that starts with = + - @, a tab or a line break for a formula, the full-width forms of those
signs too, and an export full of users' own texts is a way in (OWASP, "CSV Injection"). Such a text gets an apostrophe
before it, which spreadsheets read as "this is text". `restored` takes it off again, so that a list that comes back
names the same users. Texts are quoted, so that another locale's separator inside one starts no new cell.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from propensity.errors import WrongFormat

Cell = str | int | float | None
MAX_ROWS: Final = 200_000
"""Of an uploaded list."""
MAX_LINE: Final = 10_000
"""Characters of a row: 38 features and an id are a tenth of it."""
KEPT_BAD_ROWS: Final = 1_000
"""Kept to be listed; all are counted."""
SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}

_DANGEROUS: Final = re.compile(r"'*[\s\ufeff\u200b-\u200f\u2060]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20\u2212]")
"""Signs that start a formula, also behind apostrophes (ours or not) and characters that no one sees."""


def defused(text: str) -> str:
    """Return the text so that a spreadsheet shows it and runs nothing."""
    return f"'{text}" if _DANGEROUS.match(text) else text


def restored(text: str) -> str:
    """Return what a defused text was before."""
    return text[1:] if text.startswith("'") and _DANGEROUS.match(text) else text


def rows_of(content: bytes) -> Iterator[str]:
    """Yield a file's lines; WrongFormat where it is not UTF-8, for a guess would name other users.

    Lines end where CSV ends them: str.splitlines would also cut a cell at a form feed or a Unicode separator. They are
    made one at a time, for a file of short ones takes fifty times its size as a list.
    """
    try:
        yield from io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline=None)
    except UnicodeDecodeError as error:
        raise WrongFormat(
            f"Byte {_broken_at(content):,} of the list is not UTF-8. Save it as `CSV UTF-8`, as spreadsheets call it."
        ) from error


def _broken_at(content: bytes) -> int:
    """Return the place of the first byte that is not UTF-8; the error of a stream counts from a chunk's start."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start + 1
    return 1


def bounded(rows: Iterable[str]) -> Iterator[str]:
    """Yield the lines of an uploaded list; WrongFormat where there are too many, or one is too long to be a row."""
    for number, row in enumerate(rows):
        if number > MAX_ROWS:  # the first one names the columns
            raise WrongFormat(
                f"The list holds more than {MAX_ROWS:,} rows. Split it; `propensity score` scores all users at once."
            )
        if len(row) > MAX_LINE:
            raise WrongFormat(
                f"Line {number + 1:,} of the list has more than {MAX_LINE:,} characters. Save it as CSV with one row a line."
            )
        yield row


def columns_of(header: Sequence[str]) -> list[str]:
    """Return the names in a first line as they are compared; WrongFormat where another separator parts them."""
    names = [name.strip().strip("\ufeff").lower() for name in header]
    if len(names) == 1 and (found := next((mark for mark in (";", "\t", "|") if mark in names[0]), "")):
        raise WrongFormat(
            f"The first line is parted by {SEPARATORS[found]}. Save it as CSV with commas, in UTF-8."
        )
    return names


def lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """Yield a header and rows as lines of CSV, one at a time; texts are defused, numbers are left alone."""
    kept = _Line()
    writer = csv.writer(kept, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    for cells in chain([header], rows):
        writer.writerow([defused(cell) if isinstance(cell, str) else cell for cell in cells])
        yield kept.text


class _Line:
    """What csv writes to: keeps the last line."""

    text = ""

    def write(self, text: str) -> int:
        self.text = text
        return len(text)
