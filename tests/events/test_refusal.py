"""One refusal is one row, whoever refuses it and however often."""

from propensity.events import Refusal
from propensity.events.event import MAX_ID_LENGTH
from propensity.events.refusal import MAX_RAW, refuse


def refusal(
    *, source: str = "shop", file: str = "a.csv", line: int = 1, reason: str = "bad_time", raw: str = "u,x",
    at: int = 5, user_id: str | None = None,
) -> Refusal:  # fmt: skip
    return refuse(source=source, file=file, line=line, reason=reason, raw=raw, at=at, user_id=user_id)


def test_a_row_is_the_same_refusal_whenever_it_is_refused() -> None:
    assert refusal(at=9).refusal_id == refusal(at=5).refusal_id


def test_rows_of_another_source_file_line_or_text_are_others() -> None:
    rows = [refusal(), refusal(source="b"), refusal(file="b"), refusal(line=2), refusal(raw="v,x")]
    assert len({row.refusal_id for row in rows}) == len(rows)


def test_an_item_of_a_request_is_the_same_wherever_it_stands_in_one() -> None:
    assert refusal(file="", line=3).refusal_id == refusal(file="", line=1).refusal_id
    assert refusal(file="", raw="{}").refusal_id != refusal(file="").refusal_id


def test_long_text_and_long_users_are_cut_and_still_told_apart() -> None:
    one, other = (refusal(raw="x" * 2_000 + end, user_id="u" * 500) for end in "ab")
    assert one.raw == other.raw == "x" * MAX_RAW
    assert one.user_id == "u" * MAX_ID_LENGTH
    assert one.refusal_id != other.refusal_id


def test_text_that_is_no_unicode_is_named_too() -> None:
    assert refusal(raw="\ud800").refusal_id != refusal(raw="").refusal_id
