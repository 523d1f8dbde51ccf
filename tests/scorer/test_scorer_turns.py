"""Reads of one turn share a thread when reads are quick, and have one each when they are slow."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bentos.scorer.turns import Turns


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def together(turns: "Turns[int]", *reads: Callable[[], int]) -> list[int | BaseException]:
    async def ask() -> list[int | BaseException]:
        return await asyncio.gather(*(turns.run(read) for read in reads), return_exceptions=True)

    return asyncio.run(ask())


def numbers(count: int) -> list[Callable[[], int]]:
    return [lambda number=number: number for number in range(count)]  # type: ignore[misc]


def warmed_up(threads: ThreadPoolExecutor) -> "Turns[int]":
    """Return turns that know their reads to be quick."""
    turns = Turns[int](threads)
    for _ in range(100):
        together(turns, *numbers(1))
    return turns


def test_each_gets_what_it_read(threads: ThreadPoolExecutor) -> None:
    assert together(warmed_up(threads), *numbers(100)) == list(range(100))


def test_quick_reads_share_a_thread(threads: ThreadPoolExecutor) -> None:
    assert len(set(together(warmed_up(threads), *[threading.get_ident] * 8))) == 1


def test_reads_of_which_nothing_is_known_wait_for_no_other(threads: ThreadPoolExecutor) -> None:
    meeting = threading.Barrier(4, timeout=10)
    assert sorted(map(str, together(Turns[int](threads), *[meeting.wait] * 4))) == ["0", "1", "2", "3"]


def test_a_read_that_fails_fails_its_own_request_alone(threads: ThreadPoolExecutor) -> None:
    def fail() -> int:
        raise ValueError

    first, broken, last = together(warmed_up(threads), *numbers(1), fail, *numbers(1))
    assert (first, last) == (0, 0)
    assert isinstance(broken, ValueError)


def test_what_nobody_waits_for_any_more_is_not_read(threads: ThreadPoolExecutor) -> None:
    turns = warmed_up(threads)
    read: list[int] = []

    def note() -> int:
        read.append(1)
        return 1

    async def ask() -> None:
        leaving = asyncio.create_task(turns.run(note))
        staying = asyncio.create_task(turns.run(lambda: 2))
        asyncio.get_running_loop().call_soon(leaving.cancel)
        assert await staying == 2
        assert leaving.cancelled()

    asyncio.run(ask())
    assert read == []


def test_reads_that_nobody_waited_for_do_not_count_as_quick_ones(threads: ThreadPoolExecutor) -> None:
    turns = Turns[int](threads)
    usual = turns._usual

    async def leave() -> None:
        leaving = [asyncio.create_task(turns.run(lambda: 1)) for _ in range(20)]
        asyncio.get_running_loop().call_soon(lambda: [one.cancel() for one in leaving])
        await asyncio.gather(*leaving, return_exceptions=True)

    asyncio.run(leave())
    threads.shutdown()
    assert turns._usual == usual


def test_a_closed_pool_is_said_and_not_waited_for(threads: ThreadPoolExecutor) -> None:
    turns = Turns[int](threads)
    threads.shutdown()
    assert all(isinstance(answer, RuntimeError) for answer in together(turns, *numbers(3)))
