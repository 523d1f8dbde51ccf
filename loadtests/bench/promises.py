"""What DESIGN promised, beside what a run found."""

from collections.abc import Callable, Sequence
from typing import Final

from loadtests.bench import shortfalls
from loadtests.bench.heavy_path import PANDAS, Floor, Run, Scoring
from loadtests.bench.judged import NO, YES, Promise, at_least, at_most
from loadtests.bench.peers import BASELINE, FLOOR, GIVEN, STORED
from loadtests.bench.rounds import Result
from loadtests.bench.spread import ratio, spread
from loadtests.bench.tables import values_of

TIMES_BASELINE: Final = 150.0
SHARE_OF_FLOOR: Final = 1 / 3
P99_MS: Final = 10.0
STORED_TIMES_BASELINE: Final = 30.0
TIMES_PANDAS: Final = 5.0
TIMES_BY_HAND: Final = 1.5
USERS_PER_SECOND: Final = 20_000.0
START_SECONDS: Final = 5.0
MEMORY_WAY: Final = "Propensity, read and features"
STORE_WAY: Final = "Propensity, by way of the SQLite store"
BY_HAND: Final = ("Polars by hand", "DuckDB by hand")


def promised(
    results: Sequence[Result], runs: Sequence[Run], scoring: Scoring | None, floor: Floor | None = None
) -> list[Promise]:
    """Return a row for each promise that the run can judge."""
    rows: list[Promise] = []
    if {BASELINE, FLOOR, GIVEN, STORED} <= {result.peer for result in results}:
        rows += _of_serving(results)
    if {PANDAS, MEMORY_WAY, STORE_WAY, *BY_HAND} <= {run.name for run in runs}:
        rows += _of_engines(runs, floor)
    if scoring:
        found = spread([scoring.users_per_second])
        rows.append(
            at_least("batch scoring, users/s per core", USERS_PER_SECOND, found, form=",.0f", short="")
        )
    return rows


def _of_serving(results: Sequence[Result]) -> list[Promise]:
    def rates(peer: str) -> list[float]:
        return values_of(results, peer, connections=16, number=lambda one: one.requests_per_second)

    def cpus(peer: str) -> list[float]:
        return [one.cpu_micros[16] for one in results if one.peer == peer]

    own = [one for one in results if one.peer == GIVEN]
    errors = sum(reading.errors for one in own for reading in one.readings.values())
    return [
        at_least(
            "features given, times the baseline, 16 connections",
            TIMES_BASELINE,
            ratio(rates(GIVEN), rates(BASELINE)),
            form=",.0f",
            by_cpu=ratio(cpus(BASELINE), cpus(GIVEN)),
            short=shortfalls.BUSY,
        ),
        at_least(
            "the same, share of the floor",
            SHARE_OF_FLOOR,
            ratio(rates(GIVEN), rates(FLOOR)),
            form=".2f",
            by_cpu=ratio(cpus(FLOOR), cpus(GIVEN)),
            short=shortfalls.BUSY,
        ),
        at_most(
            "p99 at 64 connections, ms",
            P99_MS,
            spread(values_of(results, GIVEN, connections=64, number=lambda one: one.p99_ms)),
            form=".1f",
            short=shortfalls.of_p99(results, least_ms=P99_MS),
        ),
        Promise(
            what="errors",
            least="0",
            found=f"{errors}",
            kept=NO if errors else YES,
            short=f"errors: {errors} requests failed." if errors else "",
        ),
        at_least(
            "features from SQLite, times the baseline, 16 connections",
            STORED_TIMES_BASELINE,
            ratio(rates(STORED), rates(BASELINE)),
            form=",.0f",
            by_cpu=ratio(cpus(BASELINE), cpus(STORED)),
            short=shortfalls.BUSY,
        ),
        at_most(
            "start to first answer on this machine, s",
            START_SECONDS,
            spread([one.start_seconds for one in own]),
            form=".1f",
            short=shortfalls.START,
        ),
    ]


def _of_engines(runs: Sequence[Run], floor: Floor | None) -> list[Promise]:
    def seconds(name: str) -> list[float]:
        return [run.seconds for run in runs if run.name == name]

    def cpus(name: str) -> list[float]:
        return [run.cpu_seconds for run in runs if run.name == name]

    def best(numbers: Callable[[str], list[float]]) -> list[float]:
        return [min(pair) for pair in zip(*(numbers(name) for name in BY_HAND), strict=True)]

    rows = []
    for name, why in (
        (MEMORY_WAY, shortfalls.of_memory_way(ratio(seconds(PANDAS), best(seconds)))),
        (STORE_WAY, shortfalls.of_store_way(floor, pandas=seconds(PANDAS), best=best(seconds))),
    ):
        rows += [
            at_least(
                f"{name}: times as fast as plain pandas",
                TIMES_PANDAS,
                ratio(seconds(PANDAS), seconds(name)),
                form=".2f",
                by_cpu=ratio(cpus(PANDAS), cpus(name)),
                short=why,
            ),
            at_most(
                f"{name}: times as long as the best by hand",
                TIMES_BY_HAND,
                ratio(seconds(name), best(seconds)),
                form=".2f",
                by_cpu=ratio(cpus(name), best(cpus)),
                short=why,
            ),
        ]
    checksums = len({run.checksum for run in runs})
    differ = "different checksums of features: the engines did not do the same work."
    rows.append(
        Promise(
            what="different checksums of features",
            least="1",
            found=f"{checksums}",
            kept=YES if checksums == 1 else NO,
            short="" if checksums == 1 else differ,
        )
    )
    return rows
