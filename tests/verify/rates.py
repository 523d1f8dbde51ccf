"""How often drift is found where there is none, and how often where there is some; docs/drift.md shows the answers.

`python -m tests.verify.rates` measures anew (half an hour of one free core) and writes tables, date and duration into the page.
"""

import os
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

from jobs.monitor.drift.sample import COLUMNS, Sample
from jobs.monitor.drift.verdict import Limits
from propensity.simulate import Drift
from tests.verify import page
from tests.verify.shop import DEFAULTS, Shop

SEEDS = 10_000
"""First seed of what is reported: another one than any that limits were chosen with."""
SMALLEST = Shop(users=2_000, windows=3, seed=0, drift=Drift.MIX, strength=0.7)
"""The smallest drift that the docs name."""
UNDRIFTED = Shop(users=2_000, windows=20, seed=0)
"""Nearly three weeks, with their weekends."""
EVIDENTLYS_SHARE = 0.5
"""Share of drifting columns from which Evidently calls the data set drifted."""

RUNS_A_POOL = 20
"""Runs after which a process makes way for another, with the memory it took."""

Measured = TypeVar("Measured")


class Rate(NamedTuple):
    """How many of how many."""

    hits: int
    of: int

    def __str__(self) -> str:
        return f"{self.hits} of {self.of}"


def alarms(shop: Shop) -> Rate:
    """Return how many windows of a shop would ask for a training."""
    with closing(shop):
        verdicts = shop.verdicts()
    assert all(verdict.judged for verdict in verdicts)
    return Rate(sum(bool(verdict.persistent) for verdict in verdicts), len(verdicts))


def fires(shop: Shop) -> Rate:
    """Return 1 where any of a shop's windows would ask for a training."""
    return Rate(int(alarms(shop).hits > 0), 1)


def total(
    measure: Callable[[Shop], Rate], shop: Shop, *, runs: int, first: int = SEEDS, workers: int = 2
) -> Rate:
    """Measure shops that differ by their seed alone, in processes of their own."""
    rates = _each(measure, shop, runs=runs, first=first, workers=workers)
    return Rate(sum(rate.hits for rate in rates), sum(rate.of for rate in rates))


def _each(
    measure: Callable[[Shop], Measured], shop: Shop, *, runs: int, first: int, workers: int
) -> list[Measured]:
    shops = [replace(shop, seed=first + run) for run in range(runs)]
    found: list[Measured] = []
    for start in range(0, runs, RUNS_A_POOL * workers):
        # A pool of its own for each: `max_tasks_per_child` waits for ever in Python 3.11 once all children have had theirs.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            found += pool.map(measure, shops[start : start + RUNS_A_POOL * workers])
    return found


class Beside(NamedTuple):
    """What the verdict and Evidently's defaults say of the same windows."""

    windows: int
    asks: int
    """Windows that would ask for a training."""
    finds: int
    """Windows in which the verdict finds drift in some column, before it has to persist."""
    flags: int
    """Windows in which Evidently flags some column."""
    calls: int
    """Windows in which Evidently calls the data set drifted: half of the columns are flagged."""

    @property
    def any(self) -> "Beside":
        """The same, counted once for all windows."""
        return Beside(*(int(count > 0) for count in self))


def beside(shop: Shop, *, limits: Limits = DEFAULTS) -> Beside:
    """Judge a shop's windows by the verdict, and by Evidently against the same rows of the reference."""
    with closing(shop):
        verdicts = shop.verdicts(limits=limits)
        flagged = [_flagged(shop, number) for number in range(shop.windows)]
    assert all(verdict.judged for verdict in verdicts)
    return Beside(
        windows=len(verdicts),
        asks=sum(bool(one.persistent) for one in verdicts),
        finds=sum(any(column.drift for column in one.features) for one in verdicts),
        flags=sum(share > 0 for share in flagged),
        calls=sum(share >= EVIDENTLYS_SHARE for share in flagged),
    )


def beside_within(shop: Shop) -> Beside:
    """Return whether any of a shop's windows was found drifted, each way."""
    return beside(shop).any


def beside_in_a_small_shop(shop: Shop) -> Beside:
    """Judge windows of fewer users than the default asks for."""
    return beside(shop, limits=replace(DEFAULTS, min_users=50))


def _flagged(shop: Shop, number: int) -> float:
    """Return the share of columns that Evidently flags by its defaults, without drawing the report."""
    from evidently import Report
    from evidently.metrics import DriftedColumnsCount

    window = shop.window(number)
    matched = shop.reference.sample.at(list(shop.reference.matches(np.unique(window.cutoffs))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about columns that never change
        result = Report([DriftedColumnsCount()]).run(_frame(window), _frame(matched)).dict()
    return float(result["metrics"][0]["value"]["share"])


def _frame(sample: Sample) -> pd.DataFrame:
    return pd.DataFrame(sample.values, columns=list(COLUMNS)).astype(np.float64)


def counted(measure: Callable[[Shop], Beside], shop: Shop, *, runs: int, workers: int) -> Beside:
    """Measure shops that differ by their seed alone, and add up."""
    found = _each(measure, shop, runs=runs, first=SEEDS, workers=workers)
    return Beside(*(sum(one[field] for one in found) for field in range(len(Beside._fields))))


def tables(*, workers: int) -> str:
    """Return the measured tables as they stand in the page."""
    columns = "the verdict finds a column | the verdict asks for a training | Evidently flags a column | Evidently: data set drift"
    lines = [f"| no drift, users in the shop | windows | {columns} |", "|---|---|---|---|---|---|"]
    for users, runs, windows in ((2_000, 10, 20), (1_000, 5, 20), (200, 4, 10)):
        measure = beside if users > DEFAULTS.min_users else beside_in_a_small_shop
        shop = replace(UNDRIFTED, users=users, windows=windows)
        found = counted(measure, shop, runs=runs, workers=workers)
        named = f"{users:,}" if users > DEFAULTS.min_users else f"{users:,}, with `driftMinUsers` at 50"
        lines.append(f"| {named} {_cells(found)}")
        sys.stderr.write(f"{lines[-1]}\n")
    lines += ["", f"| drift from the first window on | users | runs of 3 windows | {columns} |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    for drift, strength, users in (
        (Drift.MIX, 0.7, 2_000),
        (Drift.MIX, 1.0, 1_000),
        (Drift.MIX, 0.4, 2_000),
        (Drift.INTENT, 1.0, 2_000),
    ):
        shop = replace(SMALLEST, drift=drift, strength=strength, users=users)
        found = counted(beside_within, shop, runs=100 if shop == SMALLEST else 20, workers=workers)
        lines.append(f"| `{drift.value}`, strength {strength:g} | {users:,} {_cells(found)}")
        sys.stderr.write(f"{lines[-1]}\n")
    return "\n".join(lines)


def _cells(found: Beside) -> str:
    counts = (found.finds, found.asks, found.flags, found.calls)
    return f"| {found.windows} | " + " | ".join(f"{count} of {found.windows}" for count in counts) + " |"


def main(*, workers: int) -> None:
    """Measure, and write it down with how long it took."""
    for threads in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[threads] = "1"  # of each worker: there are as many as processors
    begun = time.monotonic()
    measured = tables(workers=workers)
    minutes = (time.monotonic() - begun) / 60
    took = f"Measured on {datetime.now(UTC):%-d %B %Y} in {minutes:.0f} minutes by {workers} processes."
    page.write("drift.md", f"{measured}\n\n{took}")


if __name__ == "__main__":
    main(workers=int(sys.argv[1]) if len(sys.argv) > 1 else 2)
