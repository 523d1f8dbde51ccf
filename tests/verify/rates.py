"""How often drift is found where there is none, and how often where there is some; docs/drift.md shows the answers.

`python -m tests.verify.rates` measures anew (about an hour of one core) and writes the tables into the page.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from jobs.monitor.drift.sample import COLUMNS, Sample
from propensity.simulate import Drift
from tests.verify.shop import DEFAULTS, Shop

PAGE = Path(__file__).parents[2] / "docs" / "drift.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
SEEDS = 10_000
"""First seed of what is reported: another one than any that limits were chosen with."""
SMALLEST = Shop(users=2_000, windows=3, seed=0, drift=Drift.MIX, strength=0.7)
"""The smallest drift that the docs name."""
UNDRIFTED = Shop(users=2_000, windows=20, seed=0)


class Rate(NamedTuple):
    """How many of how many."""

    hits: int
    of: int

    def __str__(self) -> str:
        return f"{self.hits} of {self.of}"


def alarms(shop: Shop) -> Rate:
    """Return how many windows of a shop would ask for a training."""
    verdicts = shop.verdicts()
    assert all(verdict.judged for verdict in verdicts)
    return Rate(sum(bool(verdict.persistent) for verdict in verdicts), len(verdicts))


def fires(shop: Shop) -> Rate:
    """Return 1 where any of a shop's windows would ask for a training."""
    return Rate(int(alarms(shop).hits > 0), 1)


def flags(shop: Shop) -> Rate:
    """Return 1 for each window in which Evidently's defaults flag some column."""
    return Rate(sum(_flagged(shop, number) for number in range(shop.windows)), shop.windows)


def total(
    measure: Callable[[Shop], Rate], shop: Shop, *, runs: int, first: int = SEEDS, workers: int = 2
) -> Rate:
    """Measure shops that differ by their seed alone, in processes of their own."""
    shops = [replace(shop, seed=first + run) for run in range(runs)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        rates = list(pool.map(measure, shops))
    return Rate(sum(rate.hits for rate in rates), sum(rate.of for rate in rates))


def _flagged(shop: Shop, number: int) -> bool:
    from evidently import Report
    from evidently.presets import DataDriftPreset

    window = shop.window(number)
    matched = shop.reference.sample.at(list(shop.reference.matches(np.unique(window.cutoffs))))
    result = Report([DataDriftPreset()]).run(_frame(window), _frame(matched)).dict()
    return bool(result["metrics"][0]["value"]["count"])


def _frame(sample: Sample) -> pd.DataFrame:
    return pd.DataFrame(sample.values, columns=list(COLUMNS)).astype(np.float64)


def singles(shop: Shop) -> Rate:
    """Return how many windows drift by themselves, before it has to persist, were few users enough."""
    verdicts = shop.verdicts(limits=replace(DEFAULTS, min_users=50))
    return Rate(sum(any(one.drift for one in verdict.features) for verdict in verdicts), len(verdicts))


def tables(*, workers: int) -> str:
    """Return the measured tables as they stand in the page."""
    lines = [
        "| no drift, users in the shop | windows in which Evidently's defaults flag a column | windows in which "
        "the verdict finds one (with `driftMinUsers` 50) | windows that ask for a training |",
        "|---|---|---|---|",
    ]
    for users in (100, 200, 300, 500, 1_000, 2_000):
        short = replace(UNDRIFTED, users=users, windows=5)
        asks = total(alarms, replace(UNDRIFTED, users=users), runs=10, workers=workers) if users > 600 else ""
        rates = [total(measure, short, runs=3, workers=workers) for measure in (flags, singles)]
        lines.append(f"| {users:,} | {rates[0]} | {rates[1]} | {asks or 'not judged'} |")
        sys.stderr.write(f"{lines[-1]}\n")
    lines += ["", "| drift from a window on | users | runs that ask for a training within 3 windows |", "|---|---|---|"]  # fmt: skip
    for drift, strength, users in (
        (Drift.MIX, 1.0, 1_000),
        (Drift.MIX, 0.7, 2_000),
        (Drift.MIX, 0.4, 2_000),
        (Drift.INTENT, 1.0, 2_000),
    ):
        shop = replace(SMALLEST, drift=drift, strength=strength, users=users)
        found = total(fires, shop, runs=100 if shop == SMALLEST else 20, workers=workers)
        lines.append(f"| `{drift.value}`, strength {strength:g} | {users:,} | {found} |")
        sys.stderr.write(f"{lines[-1]}\n")
    return "\n".join(lines)


def write(text: str) -> None:
    """Put the tables between their marks."""
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    write(tables(workers=int(sys.argv[1]) if len(sys.argv) > 1 else 2))
