"""What stands between a promise and what was found, with the arithmetic of the run itself."""

from collections.abc import Sequence
from typing import Final

from loadtests.bench.heavy_path import Floor
from loadtests.bench.peers import FLOOR, GIVEN
from loadtests.bench.rounds import Result
from loadtests.bench.spread import Spread, ratio, spread
from loadtests.bench.tables import values_of

BUSY: Final = (
    "Other work on the machine moves both sides of a round; the ratio by CPU is what it hardly moves."
)
START: Final = (
    "Most of it is Python reading its libraries (BentoML, ONNX Runtime), which a busy machine makes longer."
)
TARGET_RATE: Final = 10_000
"""Requests a second at which the mean of 64 connections is 6.4 ms, which leaves room for a p99 of 10."""


def of_p99(results: Sequence[Result], *, least_ms: float) -> str:
    """Say what 64 connections that always ask cost at the rate that was found."""

    def rate(peer: str) -> float:
        return spread(
            values_of(results, peer, connections=64, number=lambda one: one.requests_per_second)
        ).middle

    own, floor = rate(GIVEN), rate(FLOOR)
    return (
        f"64 connections that always ask wait 64 divided by the rate on average: {64_000 / own:.1f} ms at {own:,.0f} "
        f"requests/s. A p99 under {least_ms:.0f} ms wants about {TARGET_RATE:,} requests/s of one core; the server "
        f"that answers nothing reaches {floor:,.0f}, a mean of {64_000 / floor:.1f} ms."
    )


def of_memory_way(by_hand: Spread) -> str:
    """Say what the scripts reach that do nothing else."""
    return (
        f"The best script by hand is itself {by_hand.written('.2f')} times as fast as pandas. Beyond what it does, ours "
        "finds the reason, line and text of each refused row and holds times and prices to a pattern (decision 14)."
    )


def of_store_way(floor: Floor | None, *, pandas: Sequence[float], best: Sequence[float]) -> str:
    """Say what SQLite alone takes for rows that somebody else read and cleaned."""
    if floor is None:
        return "Each event is durable in SQLite under its id, which the others do not do (decision 14)."
    alone = [floor.seconds] * len(pandas)
    most, least = ratio(pandas, alone), ratio(alone, best)
    return (
        f"Putting {floor.rows:,} ready rows into SQLite, each durable under its id, takes {floor.seconds:.1f} s "
        f"({floor.cpu_seconds:.1f} of CPU) with nothing of ours around it. So {most.written('.2f')} times as fast as pandas "
        f"is the most that any way through it can reach, and {least.written('.2f')} times as long as the best by hand the "
        "least."
    )
