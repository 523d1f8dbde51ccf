"""Exported CSV runs nothing in a spreadsheet, and says the same when it comes back."""

import csv
import io
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from propensity.campaign.spreadsheet import bounded, columns_of, defused, lines, restored, rows_of
from propensity.errors import WrongFormat

FORMULAS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20A", "\u22121", "  =1", "\ufeff=1",
    "\u200b=1", "'=1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x","y")', "\xa0=1",
]  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "ann", "12345", "a=b", "o'neil", "'quoted'", " ann", "user-1", "日本"])
def test_any_other_text_is_left_alone(text: str) -> None:
    assert defused(text) == text
    assert restored(text) == text


@given(st.text(alphabet="'=+-@\t\r\n\uff1d \ufeffab,;\"", max_size=8))
@example("'=")
@example("''=")
def test_what_was_defused_comes_back_and_starts_with_no_sign(text: str) -> None:
    assert restored(defused(text)) == text
    assert not defused(text).lstrip(" \ufeff").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))


@given(
    st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9))
)
def test_lines_are_csv_whose_cells_come_back(texts: list[str]) -> None:
    written = "".join(lines(["name", "n"], ((text, -1.5) for text in texts)))
    read = list(csv.reader(io.StringIO(written, newline="")))
    assert read == [["name", "n"], *([defused(text), "-1.5"] for text in texts)]


def test_a_separator_of_another_locale_starts_no_cell() -> None:
    assert list(lines(["a"], [["x;=1+1"]]))[1] == '"x;=1+1"\r\n'


def test_lines_are_made_one_at_a_time() -> None:
    def rows() -> Iterator[list[str]]:
        yield ["first"]
        raise AssertionError

    made = lines(["a"], rows())
    assert [next(made), next(made)] == ['"a"\r\n', '"first"\r\n']


def test_a_file_that_is_not_utf8_is_refused_with_what_to_do() -> None:
    assert list(rows_of('\ufeffuser_id\r\nJürgen\n"a\x0cb\u2028c"\n'.encode())) == [
        "user_id\n",
        "Jürgen\n",
        '"a\x0cb\u2028c"\n',
    ]
    for encoding in ("cp1252", "utf-16"):
        with pytest.raises(WrongFormat, match="CSV UTF-8"):
            list(rows_of("user_id\nJürgen\n".encode(encoding)))


def test_the_byte_that_is_not_utf8_is_named_wherever_it_stands() -> None:
    with pytest.raises(WrongFormat, match=r"Byte 60,008 "):
        list(rows_of(b"user_id" + b"\nabcde" * 10_000 + b"\xff\n"))


def test_a_full_upload_of_short_rows_takes_little_more_than_its_bytes() -> None:
    content = b"user_id\n" + b"ab\n" * (20 * 1024 * 1024 // 3)
    tracemalloc.start()
    with pytest.raises(WrongFormat, match="200,000 rows"):
        for _ in bounded(rows_of(content)):
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * len(content)


def test_a_row_too_long_to_be_one_is_refused() -> None:
    with pytest.raises(WrongFormat, match="Line 2 "):
        list(bounded(["user_id\n", "," * 20_000]))


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_another_separator_is_called_by_its_name(mark: str, name: str) -> None:
    with pytest.raises(WrongFormat, match=name):
        columns_of([f"user_id{mark}arm"])
    assert columns_of(["\ufeffUser_ID ", "arm"]) == ["user_id", "arm"]
