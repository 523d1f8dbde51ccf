"""A list of arms that somebody uploads: bounded, with bad rows counted and the first of them kept."""

import tracemalloc

import pytest

from propensity.campaign.spreadsheet import KEPT_BAD_ROWS, MAX_ROWS, rows_of
from propensity.campaign.upload import read_arms
from propensity.errors import WrongFormat


def test_bad_rows_are_counted_and_the_first_are_kept() -> None:
    found = read_arms(["user_id,arm\n", "ann,treated\n", *(["bob,maybe\n"] * 5_000)])
    assert found.arms == {"ann": "treated"}
    assert (len(found.bad), found.bad_count) == (KEPT_BAD_ROWS, 5_000)


def test_as_many_rows_as_may_be_are_read_and_one_more_is_refused() -> None:
    rows = ["user_id,arm\n", *(f"u{number},treated\n" for number in range(MAX_ROWS))]
    assert len(read_arms(rows).arms) == MAX_ROWS
    with pytest.raises(WrongFormat, match="200,000 rows"):
        read_arms([*rows, "one,treated\n"])


def test_a_full_upload_of_bad_rows_takes_little_more_than_its_bytes() -> None:
    content = b"user_id,arm\n" + b",\n" * (10 * 1024 * 1024)
    tracemalloc.start()
    with pytest.raises(WrongFormat):
        read_arms(rows_of(content))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * len(content)


def test_a_list_with_semicolons_is_told_so() -> None:
    with pytest.raises(WrongFormat, match="semicolons"):
        read_arms(["user_id;arm\n", "ann;treated\n"])
