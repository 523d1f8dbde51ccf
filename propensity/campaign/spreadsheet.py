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

_DANGEROUS: Final = re.compile(r"'*[\s\ufeff\u200b-\u200f\u2060]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20\u2212]")
"""Signs that start a formula, also behind apostrophes (ours or not) and characters that no one sees."""


def defused(text: str) -> str:
    """Return the text so that a spreadsheet shows it and runs nothing."""
    return f"'{text}" if _DANGEROUS.match(text) else text


def restored(text: str) -> str:
    """Return what a defused text was before."""
    return text[1:] if text.startswith("'") and _DANGEROUS.match(text) else text


def rows_of(content: bytes) -> list[str]:
    """Return a file's lines; WrongFormat where it is not UTF-8, for a guess would name other users.

    Lines end where CSV ends them: str.splitlines would also cut a cell at a form feed or a Unicode separator.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongFormat(
            f"Byte {error.start + 1:,} of the list is not UTF-8. Save it as `CSV UTF-8`, as spreadsheets call it."
        ) from error
    return io.StringIO(text, newline=None).readlines()


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
