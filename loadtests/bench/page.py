"""docs/benchmarks.md: what was measured, how, under which load, and how that stands to what was promised."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench.heavy_path import Growth, Run, Scoring
from loadtests.bench.promises import promised
from loadtests.bench.rounds import Result
from loadtests.bench.tables import heavy_table, markdown, speed_table, time_table

INTRODUCTION = """# Benchmarks

Written by `make bench`; do not edit it. Ratios within one run hold on other machines, absolute times do not.
"""
SERVING = """## Answering

One forest ({trees} trees of depth {depth}, fitted on feature rows of a simulated shop) behind each server, one worker
on one core, `h2load --h1` on another, {seconds:g} s each after a second of warm-up. The request holds all features;
BentoML and scikit-learn get them as one row, which spares them the names. h2load sends the same body again and again;
different users cost every forest more (decision 10). Peers are started anew in each round, one after the other.
{rounds}.

CPU is the server's own time, which other work on the machine hardly changes. Memory is that of all processes of a
server after the load, shared pages counted once; start is from the command to the first answer. Errors are answers that
are no 2xx, or none at all; only 2xx count as requests.
"""
HEAVY = """## From a log to feature rows

{rows:,} rows of CSV ({megabytes:,.0f} MB) from the simulator, one in a hundred of them dirty or a repetition, to all
features of {users:,} users at one cutoff; every engine in a process of its own on all cores, imports not counted. The
checksum is over all integers of all users. *By way of the store* is what the CronJobs do: each event durable in SQLite
under its id, and read back; the others keep nothing. (MongoDB is not measured.)
"""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a run was made of."""

    machine: str
    load: tuple[float, float]
    """Load average before and after."""
    date: str
    trees: int
    depth: int
    rounds: int
    seconds: float
    log_rows: int
    log_megabytes: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Everything one run found."""

    results: Sequence[Result]
    runs: Sequence[Run]
    scoring: Scoring | None
    growth: Growth | None = None


def page(measured: Measured, setting: Setting, *, picture: str) -> str:
    """Return the whole page."""
    parts = [INTRODUCTION, _circumstances(setting)]
    if measured.results:
        parts += [
            SERVING.format(
                trees=setting.trees,
                depth=setting.depth,
                seconds=setting.seconds,
                rounds=_in_words(setting.rounds),
            ),
            speed_table(measured.results),
            f"![Requests a second]({picture})",
            time_table(measured.results),
        ]
    if measured.runs:
        users = measured.runs[0].users
        parts += [
            HEAVY.format(rows=setting.log_rows, megabytes=setting.log_megabytes, users=users),
            heavy_table(measured.runs),
        ]
    if measured.growth:
        parts.append(_growth(measured.growth))
    if measured.scoring:
        parts.append(_scoring(measured.scoring))
    promises = promised(measured.results, measured.runs, measured.scoring)
    if promises:
        parts += ["## Promised and found", markdown(["promise", "at least", "found", "kept"], promises)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def write(text: str, path: Path) -> None:
    """Write the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _circumstances(setting: Setting) -> str:
    before, after = setting.load
    return (
        f"Measured on {setting.date} on {setting.machine}; load average {before:.1f} before and {after:.1f} after "
        "(the bench itself makes about two)."
    )


def _in_words(rounds: int) -> str:
    return "One round" if rounds == 1 else f"{rounds} rounds, written as median (lowest-highest)"


def _growth(growth: Growth) -> str:
    return f"""A log that grew by a day: {growth.day_rows:,} rows behind {growth.history_rows:,} that the store has take
{growth.day_cpu / growth.history_cpu:.3f} times the processor time that the history took ({growth.day_cpu:.2f} and
{growth.history_cpu:.1f} s), for {growth.day_rows / growth.history_rows:.3f} times the rows."""


def _scoring(scoring: Scoring) -> str:
    return f"""## Batch scoring and training

From feature rows to probabilities {scoring.users_per_second:,.0f} users per second of one core; the whole score job
(features from the store, scores written to it) {scoring.with_records_per_second:,.0f}. A training on
{scoring.training_rows:,} rows (`quick` grid, calibration, evaluation with intervals) takes {scoring.training_seconds:.0f} s."""
