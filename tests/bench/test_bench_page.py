"""The page: tables, spreads, and promises held against what was found."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from loadtests.bench.__main__ import WHOLE, is_whole
from loadtests.bench.elsewhere import leave, read_all
from loadtests.bench.elsewhere_rows import rows_of
from loadtests.bench.h2load import Reading
from loadtests.bench.heavy_path import ENGINES, Floor, Growth, Run, Scoring, dirtied
from loadtests.bench.judged import NOT_SHOWN, YES, Promise
from loadtests.bench.page import Measured, Setting, page
from loadtests.bench.peers import BASELINE, FLOOR, GIVEN, STORED
from loadtests.bench.promises import promised
from loadtests.bench.rounds import CONNECTIONS, Result
from loadtests.bench.spread import ratio, spread
from loadtests.bench.tables import speed_table

SPEEDS = {BASELINE: 50.0, GIVEN: 10_000.0, STORED: 2_000.0, FLOOR: 20_000.0}
SETTING = Setting(
    machine="a machine",
    load=(0.5, 2.0),
    date="1 January 2026",
    commit="abc",
    is_whole=True,
    trees=300,
    depth=12,
    rounds=2,
    seconds=5,
    log_rows=1_000,
    log_megabytes=1,
)


def result(peer: str, speed: float, *, errors: int = 0, p99: float = 5.0) -> Result:
    reading = Reading(requests_per_second=speed, p50_ms=1.0, p99_ms=p99, requests=100, errors=errors)
    readings = dict.fromkeys(CONNECTIONS, reading)
    return Result(
        peer=peer,
        start_seconds=2.0,
        memory_mb=100.0,
        readings=readings,
        cpu_micros=dict.fromkeys(CONNECTIONS, 1e6 / speed),
    )


def two_rounds(
    *, errors: int = 0, p99: float = 5.0, given: tuple[float, float] = (10_000.0, 12_000.0)
) -> list[Result]:
    return [
        result(peer, given[number] if peer == GIVEN else speed * (1 + number / 5), errors=errors, p99=p99)
        for number in range(2)
        for peer, speed in SPEEDS.items()
    ]


def runs(checksum: str = "same") -> list[Run]:
    return [
        Run(name=name, seconds=seconds, cpu_seconds=1, peak_mb=100, users=10, checksum=checksum)
        for name, seconds in zip(ENGINES, (10.0, 1.0, 1.2, 1.4, 8.0), strict=True)
    ]


def kept(rows: Iterable[Promise]) -> dict[str, bool]:
    return {row.what: row.kept == YES for row in rows}


def row_of(rows: Iterable[Promise], what: str) -> Promise:
    return next(row for row in rows if row.what == what)


def test_a_day_more_is_told_as_a_share_of_the_history_for_each_kind_of_ids() -> None:
    growth = [
        Growth(ids=ids, history_rows=4_000, history_cpu=8.0, day_rows=100, day_cpu=cpu)
        for ids, cpu in (("ascending", 0.4), ("hashed", 0.8))
    ]
    text = page(Measured(results=[], runs=[], scoring=None, growth=growth), SETTING, picture="a.svg")
    assert "ids ascending: 0.050 times" in text
    assert "ids hashed: 0.100 times" in text
    assert "0.025 times the rows" in text


def test_ratios_are_taken_within_a_round() -> None:
    assert ratio([10, 400], [1, 10]).written() == "25 (10-40)"


def test_a_peer_measured_alone_has_no_ratio() -> None:
    row = speed_table([result(GIVEN, 100.0)]).splitlines()[-1]
    assert row.endswith("| - | - | 10,000 |")


def test_one_round_has_no_spread_and_none_is_a_dash() -> None:
    assert spread([3.0]).written() == "3"
    assert spread([float("nan")]).written() == "-"


def test_the_table_holds_every_peer_and_its_ratio_to_baseline_and_floor() -> None:
    table = speed_table(two_rounds())
    row = next(line for line in table.splitlines() if line.startswith(f"| {GIVEN} |"))
    assert row.endswith("| 200 (200-200) | 0.50 (0.50-0.50) | 92 (83-100) |")
    assert all(peer in table for peer in SPEEDS)


def test_promises_that_were_kept_and_broken_are_told_apart() -> None:
    found = kept(promised(two_rounds(p99=12.0), runs(), Scoring(25_000, 1_000, 10, 100)))
    assert found["features given, times the baseline, 16 connections"]
    assert not found["p99 at 64 connections, ms"]
    assert found["Propensity, read and features: times as fast as plain pandas"]
    assert not found["Propensity, by way of the SQLite store: times as fast as plain pandas"]
    assert found["batch scoring, users/s per core"]


def test_one_error_breaks_the_promise_of_none() -> None:
    assert not kept(promised(two_rounds(errors=1), [], None))["errors"]


def test_what_only_the_middle_round_keeps_is_not_shown_and_is_no_yes() -> None:
    times = "features given, times the baseline, 16 connections"
    row = row_of(promised(two_rounds(given=(6_000.0, 12_000.0)), [], None), times)
    assert (row.found, row.kept) == ("160 (120-200)", NOT_SHOWN)
    assert row.short.startswith(f"{times}: 1.07 (0.80-1.33) times what was promised.")


def test_ratios_stand_there_by_processor_time_too() -> None:
    row = row_of(promised(two_rounds(), [], None), "features given, times the baseline, 16 connections")
    assert row.by_cpu == "200 (200-200)"


def test_a_row_that_is_not_kept_has_a_sentence_with_its_arithmetic_and_a_kept_one_none() -> None:
    rows = promised(two_rounds(p99=12.0), runs(), None, Floor(rows=1_000, seconds=20.0, cpu_seconds=18.0))
    assert all(bool(row.short) == (row.kept != YES) for row in rows)
    assert "5.8 ms at 11,000 requests/s" in row_of(rows, "p99 at 64 connections, ms").short
    store = row_of(rows, "Propensity, by way of the SQLite store: times as fast as plain pandas").short
    assert "0.25 times what was promised" in store
    assert "So 0.50 times as fast as pandas is the most" in store
    text = page(Measured(results=two_rounds(p99=12.0), runs=[], scoring=None), SETTING, picture="a.svg")
    assert "- p99 at 64 connections, ms: 1.20 (1.20-1.20) times what was promised." in text


def test_what_was_shown_elsewhere_is_printed_with_date_and_commit_and_what_was_not_is_said(
    tmp_path: Path,
) -> None:
    leave("rollout", folder=tmp_path, requests=900, failed=0)
    leave("install", folder=tmp_path, first_prediction_seconds=200.0, pod_seconds=[3.0, 4.0])
    leave("soak-SQLite", folder=tmp_path, minutes=10.0, memory_growth=0.012)
    proofs = read_all(tmp_path)
    measured = Measured(results=[], runs=[], scoring=None, proofs=proofs)
    text = page(measured, SETTING, picture="a.svg")
    assert (
        f"| failed requests of a rollout of a model under load ({proofs['rollout'].told}) | 0 | 0 of 900 | - | yes |"
        in text
    )
    assert "| at most 180 | 200 | - | **no** |" in text
    assert "| at most 5 | 4 (3-4) | - | yes |" in text
    assert "| under 2% | +1.20% | - | yes |" in text
    assert "- memory under load on MongoDB: not shown on this page; `make verify-full" in text


def test_a_soak_of_a_minute_shows_nothing_of_ten(tmp_path: Path) -> None:
    leave("soak-SQLite", folder=tmp_path, minutes=1.0, memory_growth=0.0)
    (row,) = rows_of(read_all(tmp_path))
    assert row.kept == NOT_SHOWN


def test_a_reduced_run_is_marked_and_is_not_the_committed_page() -> None:
    text = page(
        Measured(results=two_rounds(), runs=[], scoring=None), replace(SETTING, is_whole=False), picture="a"
    )
    assert "**A reduced run**" in text
    assert is_whole(only="", **WHOLE)
    for name in WHOLE:
        assert not is_whole(only="", **(WHOLE | {name: WHOLE[name] / 2}))
    assert not is_whole(only="uvicorn", **WHOLE)


def test_engines_that_disagree_are_found_out() -> None:
    assert not kept(promised([], [*runs("one"), *runs("another")], None))["different checksums of features"]


@pytest.mark.parametrize("given", [(two_rounds(), []), ([], runs())], ids=["serving only", "engines only"])
def test_half_a_run_makes_half_a_page(given: tuple[list[Result], list[Run]]) -> None:
    text = page(Measured(results=given[0], runs=given[1], scoring=None), SETTING, picture="a.svg")
    assert ("## Answering" in text) == bool(given[0])
    assert ("## From a log" in text) == bool(given[1])
    assert "load average 0.5 before" in text


def test_one_row_in_a_hundred_is_dirty_and_no_clean_one_is_lost() -> None:
    clean = [f"e{number},u,view,2026-01-01T00:00:00.000000Z,p,c,1.00,s\n" for number in range(400)]
    log = list(dirtied(iter(["header\n", *clean])))
    assert [line for line in log[1:] if line in clean][:2] == clean[:2]
    assert set(clean) <= set(log)
    added = [log[number] for number in (101, 202, 303, 404)]
    assert [line.split(",")[1:4] for line in added[:3]] == [
        ["", "view", "2026-01-01T00:00:00.000000Z"],
        ["u", "blink", "2026-01-01T00:00:00.000000Z"],
        ["u", "view", "yesterday"],
    ]
    assert added[3] == clean[399]
