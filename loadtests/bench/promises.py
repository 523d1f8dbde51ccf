"""What DESIGN promised, beside what a run found."""

from collections.abc import Sequence
from typing import Final

from loadtests.bench.heavy_path import PANDAS, Run, Scoring
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

Row = list[str]


def promised(results: Sequence[Result], runs: Sequence[Run], scoring: Scoring | None) -> list[Row]:
    """Return a row for each promise that the run can judge."""
    rows: list[Row] = []
    found = {result.peer for result in results}
    if {BASELINE, FLOOR, GIVEN, STORED} <= found:
        rows += _of_serving(results)
    if {PANDAS, MEMORY_WAY, STORE_WAY, *BY_HAND} <= {run.name for run in runs}:
        rows += _of_engines(runs)
    if scoring:
        speed = scoring.users_per_second
        rows.append(
            _row(
                "batch scoring, users/s per core",
                f"{USERS_PER_SECOND:,.0f}",
                f"{speed:,.0f}",
                speed >= USERS_PER_SECOND,
            )
        )
    return rows


def _of_serving(results: Sequence[Result]) -> list[Row]:
    def rates(peer: str) -> list[float]:
        return values_of(results, peer, connections=16, number=lambda one: one.requests_per_second)

    given = ratio(rates(GIVEN), rates(BASELINE))
    floor = ratio(rates(GIVEN), rates(FLOOR))
    stored = ratio(rates(STORED), rates(BASELINE))
    p99 = spread(values_of(results, GIVEN, connections=64, number=lambda one: one.p99_ms))
    own = [one for one in results if one.peer == GIVEN]
    errors = sum(reading.errors for one in own for reading in one.readings.values())
    start = spread([one.start_seconds for one in own])
    return [
        _row(
            "features given, times the baseline, 16 connections",
            f"{TIMES_BASELINE:.0f}",
            given.written(),
            given.middle >= TIMES_BASELINE,
        ),
        _row("the same, share of the floor", "0.33", floor.written(".2f"), floor.middle >= SHARE_OF_FLOOR),
        _row("p99 at 64 connections, ms", "under 10", p99.written(".1f"), p99.middle < P99_MS),
        _row("errors", "0", f"{errors}", errors == 0),
        _row(
            "features from SQLite, times the baseline, 16 connections",
            f"{STORED_TIMES_BASELINE:.0f}",
            stored.written(),
            stored.middle >= STORED_TIMES_BASELINE,
        ),
        _row("start to ready, s", "within 5", start.written(".1f"), start.middle <= START_SECONDS),
    ]


def _of_engines(runs: Sequence[Run]) -> list[Row]:
    def times(name: str) -> list[float]:
        return [run.seconds for run in runs if run.name == name]

    best = [min(pair) for pair in zip(*(times(name) for name in BY_HAND), strict=True)]
    rows = []
    for name in (MEMORY_WAY, STORE_WAY):
        faster, slower = ratio(times(PANDAS), times(name)), ratio(times(name), best)
        rows += [
            _row(
                f"{name}: times as fast as plain pandas",
                "5",
                faster.written(".2f"),
                faster.middle >= TIMES_PANDAS,
            ),
            _row(
                f"{name}: times as long as the best by hand",
                "at most 1.5",
                slower.written(".2f"),
                slower.middle <= TIMES_BY_HAND,
            ),
        ]
    checksums = {run.checksum for run in runs}
    rows.append(_row("different checksums of features", "1", f"{len(checksums)}", len(checksums) == 1))
    return rows


def _row(what: str, least: str, found: str, is_kept: bool) -> Row:
    return [what, least, found, "yes" if is_kept else "**no**"]
