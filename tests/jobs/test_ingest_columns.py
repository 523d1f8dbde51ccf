"""What is read all at once is what would have been read line by line, whatever stands in the lines."""

import threading
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from jobs.ingest.cleaning import clean
from jobs.ingest.columns import has_controls, to_columns
from jobs.ingest.lines import Block, read_blocks, split
from jobs.ingest.parallel import in_order
from jobs.ingest.rows import Layout, find_layout
from propensity.events.formats import FORMATS, LogFormat
from propensity.events.validation import CONTROL

NOW = 1_700_000_000_000_000
LAYOUT = Layout(positions={"user_id": 0, "event_type": 1, "price": 2}, width=3, delimiter=",")
FIELD = st.text(alphabet='ab ,;"\r\t\x00\x1f\x7f\x85é\ufeff', max_size=3)
LINE = st.one_of(
    st.tuples(FIELD, FIELD, FIELD).map(lambda fields: ",".join(fields).encode()),
    st.sampled_from([b"", b"u,view,1", b"u,view,1\r", b",,", b'"u,x",view,1', b"u,view", b"u,view,1,2", b"\xff,a,b"]),
)  # fmt: skip


def at_once_and_line_by_line(block: Block, layout: Layout) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return both, an empty field and none being the same: `clean` takes the one for the other."""
    empty = {name: pl.when(pl.col(name) != "").then(pl.col(name)) for name in layout.positions}
    found = (to_columns(block, layout), layout.take_apart(split(block)))
    return found[0].with_columns(**empty).sort("line"), found[1].with_columns(**empty).sort("line")


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(lines=st.lists(LINE, max_size=8), ends=st.booleans(), before=st.integers(0, 3))
@example(lines=[b"a,b", b"a,b,c,d"], ends=True, before=0)  # as many delimiters as there should be, but in all
@example(
    lines=[b"a,b", b"a,b,c,"], ends=True, before=0
)  # the same, where the parser forgives what is too many
@example(lines=[b"a,b,c,", b"a,b"], ends=False, before=0)
@example(lines=[b"\xef\xbb\xbfa,b,c"], ends=True, before=1)  # a mark that stands in the middle of a file
@example(lines=[b"a,b,c", b"", b"a,b,c"], ends=False, before=0)
@example(lines=[b"a,b,c\r", b"a,b,c\r\r"], ends=True, before=0)
def test_a_block_has_the_columns_that_its_lines_have_one_by_one(
    lines: list[bytes], *, ends: bool, before: int
) -> None:
    block = Block(b"\n".join(lines) + b"\n" * ends, before)
    assert_frame_equal(*at_once_and_line_by_line(block, LAYOUT))


def test_plain_lines_are_not_taken_apart_one_by_one() -> None:
    class Unused(Layout):
        def take_apart(self, lines: pl.DataFrame) -> pl.DataFrame:
            raise AssertionError(lines)

    layout = Unused(positions=LAYOUT.positions, width=LAYOUT.width, delimiter=LAYOUT.delimiter)
    found = to_columns(Block("ü,view,1\r\n,,\r\n".encode(), before=4), layout)
    assert found.select("line", "raw").rows() == [(5, "ü,view,1"), (6, ",,")]


@settings(deadline=None)
@given(lines=st.lists(LINE, max_size=4))
def test_a_block_said_to_be_free_of_control_characters_is(lines: list[bytes]) -> None:
    block = Block(b"\n".join(lines))
    found = split(block)["raw"].str.contains(CONTROL).any()
    assert has_controls(block) or not found


@pytest.mark.parametrize("size", [8 << 20, 50_000])
@pytest.mark.parametrize("name", ["taobao", "rees46"])
def test_the_real_logs_are_read_at_once_as_they_are_line_by_line(
    name: str, size: int, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(f"{name}_log")
    for block, layout in blocks_of(path, FORMATS[name], size=size):
        fast, slow = at_once_and_line_by_line(block, layout)
        assert_frame_equal(fast, slow)
        verdicts = [clean(rows, log_format=FORMATS[name], now=NOW) for rows in (fast, slow)]
        hasty = clean(
            fast,
            log_format=FORMATS[name],
            now=NOW,
            has_spaces=b" " in block.data,
            has_controls=has_controls(block),
        )
        assert_frame_equal(*verdicts)
        assert_frame_equal(hasty, verdicts[1])


def blocks_of(path: Path, log_format: LogFormat, *, size: int) -> Iterator[tuple[Block, Layout]]:
    layout: Layout | None = None
    with path.open("rb") as stream:
        for block in read_blocks(stream, name=path.name, block_bytes=size):
            rest = block
            if layout is None:
                first_line, after = block.take_first()
                layout = find_layout(first_line, log_format=log_format, name=path.name)
                rest = after if log_format.has_header else block
            yield rest, layout


def test_results_come_in_order_and_few_pieces_are_held() -> None:
    begun: list[int] = []
    second_is_done = threading.Event()

    def work(piece: int) -> int:
        if piece == 0:
            second_is_done.wait(timeout=10)
        if piece == 1:
            second_is_done.set()
        return piece

    def pieces() -> Iterator[int]:
        for piece in range(20):
            begun.append(piece)
            yield piece

    results = in_order(work, pieces(), threads=2)
    assert next(results) == 0
    assert len(begun) == 3
    assert list(results) == list(range(1, 20))


def test_a_failing_piece_is_raised_where_its_result_would_stand() -> None:
    def work(piece: int) -> float:
        return 1 / piece

    results = in_order(work, [1, 0, 1], threads=2)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
