"""One definition of a row that names a user, for who searches by id and for who knows nothing but a mark."""

import itertools

import pytest

from propensity.store.mention import MAX_TRIED, candidates, names

IDS = [
    "ann", "ann@x.com", "ann smith", "a-b", "u:1", "ann.x", "jo'e", "Zoë", "Zoe\u0308", "12", "12345", "x=1", "a/b",
    "{7}", "ann%40x", "5f0c11aa-9b1d-4c1e-8d2f-0123456789ab", 'a,"b"; c|d', "a.b*c$", "$where", "back\\slash",
    "%s'--", "ann\u00a0", "\u2003y", "é日本\U0001f600", "x" * 128, "a+b", "tag <a@b.c>",
]  # fmt: skip
ROWS = [
    "{}", "view {} never", "uid={};view", "'{}','view','never'", "<user>{}</user>", "e1|{}|view|x", "name={},view",
    "({})", "#{}#", "\ufeff{},view,never", "https://shop/?uid={}&p=1 view never", "mailto:{}", "e1\t{}\tview",
    '{{"event_id":"e","user_id":["{}"]}}', "2026-03-01T00:00:00Z {}\n",
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_what_names_a_user_is_among_what_is_tried(row: str) -> None:
    for user_id in IDS:
        text = row.format(user_id)
        assert names(text, user_id), (user_id, text)
        assert user_id in (candidates(text) or ()), (user_id, text)


@pytest.mark.parametrize("row", ROWS)
def test_what_is_tried_names_a_user(row: str) -> None:
    for user_id in IDS:
        text = row.format(user_id)
        for tried in candidates(text) or ():
            assert names(text, tried), (tried, text)


def test_the_two_agree_where_an_id_is_part_of_a_word() -> None:
    for user_id, text in itertools.product(
        ("ann", "a-b", "12"), ("hannah", "ann_1", "xa-b", "a-bc", "p12", "129")
    ):
        assert not names(text, user_id)
        assert user_id not in (candidates(text) or ())


@pytest.mark.parametrize(
    "text", ["bob,31.1.2026,view", "x,2026-03-01T13:01:00Z", "9.1,EUR", "5.01 or 7/1 or 1/7", "+01:00"]
)
def test_a_short_number_in_a_date_a_time_or_a_price_is_nobody(text: str) -> None:
    for user_id in ("1", "01"):
        assert not names(text, user_id)
        assert user_id not in (candidates(text) or ())


@pytest.mark.parametrize("text", ["bob,1,view", '{"user_id":1,"x":2}', "user 1", "[1]", "1", "p-1"])
def test_a_short_number_by_itself_is_somebody(text: str) -> None:
    assert names(text, "1")
    assert "1" in (candidates(text) or ())


@pytest.mark.parametrize(
    "text", ["ann%40x.com", "uid=ann%40x.com&p=1", '{"u":"ann\\u0040x.com"}', "ann\\x40x.com"]
)
def test_escapes_are_read(text: str) -> None:
    assert names(text, "ann@x.com")
    assert "ann@x.com" in (candidates(text) or ())


def test_a_row_of_nothing_but_ends_is_given_up_and_a_long_sound_one_is_not() -> None:
    assert candidates("a," * 500) is None
    assert candidates("".join(chr(33 + number * 7 % 15) for number in range(1_000))) is None
    assert len(candidates("word " * 60) or ()) < MAX_TRIED
    assert candidates(
        '{"event_id":"e1","user_id":"b","event_type":"view","event_time":"2026-03-01T00:00:00Z"}'
    )
