"""How many idle connections a server keeps, and which it closes first."""

import asyncio
from typing import Any

from bentos.scorer.server import IdleBound


class Cycle:
    def __init__(self, *, response_complete: bool = True) -> None:
        self.response_complete = response_complete


class Line:
    """A connection as uvicorn's are."""

    def __init__(self, cycle: Cycle | None = None) -> None:
        self.cycle: Any = cycle
        self.is_closed = False

    def shutdown(self) -> None:
        self.is_closed = True


def check(bound: IdleBound) -> None:
    asyncio.run(bound.check())


def closed(lines: list[Line]) -> list[bool]:
    return [line.is_closed for line in lines]


def test_as_many_as_are_too_many_are_closed_and_those_first_that_were_idle_longest() -> None:
    lines = [Line(Cycle()) for _ in range(3)]
    bound = IdleBound(lines, most=4)
    check(bound)
    lines += [Line(Cycle()) for _ in range(3)]
    check(bound)
    assert closed(lines) == [True, True, False, False, False, False]


def test_who_asked_again_is_not_idle_longest_and_who_is_being_answered_is_not_idle() -> None:
    lines = [Line(Cycle()), Line(Cycle()), Line(Cycle(response_complete=False))]
    bound = IdleBound(lines, most=3)
    check(bound)
    lines[0].cycle = Cycle()
    lines.append(Line())
    check(bound)
    assert closed(lines) == [False, True, False, False]


def test_a_connection_that_never_asked_is_idle_too() -> None:
    lines = [Line(), Line(), Line()]
    check(IdleBound(lines, most=2))
    assert sum(closed(lines)) == 1


def test_up_to_the_bound_nobody_is_closed() -> None:
    lines = [Line(Cycle()) for _ in range(4)]
    check(IdleBound(lines, most=4))
    assert not any(closed(lines))
