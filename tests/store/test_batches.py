"""Streams are cut into portions that lose nothing and keep users whole."""

from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from propensity.events import Event
from propensity.store.batches import PIECE_BYTES, batches, equal_ranges, pieces, whole_users

USERS = st.lists(st.sampled_from("abcdef"), max_size=60).map(sorted)


@given(USERS, st.integers(1, 20))
def test_users_stay_whole_and_in_order(users: list[str], size: int) -> None:
    events = [Event(str(number), user, "view", number) for number, user in enumerate(users)]
    chunks = list(whole_users(batches(events, size)))
    assert [event for chunk in chunks for event in chunk] == events
    assert all(chunks)
    assert all(one[-1].user_id != other[0].user_id for one, other in pairwise(chunks))


@given(USERS, st.integers(1, 9))
def test_ranges_meet_and_none_is_empty(users: list[str], count: int) -> None:
    sizes = [(user, len(list(events))) for user, events in groupby(users)]
    ranges = equal_ranges(sizes, total=len(users), count=count)
    assert 1 <= len(ranges) <= count
    assert (ranges[0].first, ranges[-1].end) == (None, None)
    assert all(one.end == other.first for one, other in pairwise(ranges))
    assert len({each.first for each in ranges}) == len(ranges)


def test_pieces_of_a_file_make_the_file() -> None:
    content = b"0123456789" * (PIECE_BYTES // 4)
    assert b"".join(pieces(content)) == content
    assert max(map(len, pieces(content))) == PIECE_BYTES
    assert pieces(b"") == [b""]
