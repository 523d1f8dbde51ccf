"""docs/benchmarks.md: what was measured, how, under which load, and how that stands to what was promised."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.bench.elsewhere import Proofs
from loadtests.bench.elsewhere_rows import missing, rows_of
from loadtests.bench.heavy_path import Floor, Growth, Run, Scoring
from loadtests.bench.judged import HEADER, Promise
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
different users cost every forest more (decision 10). Ours checks an API key with each request, the others none. Peers
are started anew in each round, one after the other. {rounds}.

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
PROMISES = """## Promised and found

The ratio of each round, as median (lowest-highest); *yes* where the worst round keeps the promise, *not shown* where only
the median does. The column *by CPU* has the same ratio by processor time.
"""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a run was made of."""

    machine: str
    load: tuple[float, float]
    """Load average before and after."""
    date: str
    commit: str
    is_whole: bool
    """Whether everything was measured as by default; a shorter run is marked, for its spread says little."""
    trees: int
    depth: int
    rounds: int
    seconds: float
    log_rows: int
    log_megabytes: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Everything one run found, and what others left."""

    results: Sequence[Result]
    runs: Sequence[Run]
    scoring: Scoring | None
    growth: Sequence[Growth] = ()
    floor: Floor | None = None
    proofs: Proofs = field(default_factory=dict)


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
    parts += _promises(measured)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def write(text: str, path: Path) -> None:
    """Write the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _promises(measured: Measured) -> list[str]:
    """Return the table, and under it a sentence for each row that is not kept, or was not looked at."""
    own = promised(measured.results, measured.runs, measured.scoring, measured.floor)
    rows: list[Promise] = [*own, *rows_of(measured.proofs)]
    if not rows:
        return []
    said = [row.short for row in rows if row.short] + missing(measured.proofs)
    parts = [PROMISES, markdown(HEADER, [row.row for row in rows])]
    if said:
        parts += [
            "What is not kept or not shown, by how much, and why:",
            "\n".join(f"- {one}" for one in said),
        ]
    return parts


def _circumstances(setting: Setting) -> str:
    before, after = setting.load
    said = (
        f"Measured on {setting.date} at commit {setting.commit} on {setting.machine}; load average {before:.1f} before "
        f"and {after:.1f} after (the bench itself makes about two)."
    )
    return (
        said if setting.is_whole else f"{said}\n\n**A reduced run**: shorter or smaller than `make bench` is."
    )


def _in_words(rounds: int) -> str:
    return "One round" if rounds == 1 else f"{rounds} rounds, written as median (lowest-highest)"


def _growth(growths: Sequence[Growth]) -> str:
    said = "\n".join(
        f"- ids {one.ids}: {one.day_cpu / one.history_cpu:.3f} times the processor time that the history took "
        f"({one.day_cpu:.2f} and {one.history_cpu:.1f} s), for {one.day_rows / one.history_rows:.3f} times the rows"
        for one in growths
    )
    one = growths[0]
    return (
        f"A log that grew by a day, {one.day_rows:,} rows behind {one.history_rows:,} that the SQLite store has, takes"
        f"\n\n{said}\n\nHashed ids come in no order, so that each new row touches another page of the tree by id."
    )


def _scoring(scoring: Scoring) -> str:
    return f"""## Batch scoring and training

From feature rows to probabilities {scoring.users_per_second:,.0f} users per second of one core; the whole score job
(features from the store, scores written to it) {scoring.with_records_per_second:,.0f}. A training on
{scoring.training_rows:,} rows (`quick` grid, calibration, evaluation with intervals) takes {scoring.training_seconds:.0f} s."""
