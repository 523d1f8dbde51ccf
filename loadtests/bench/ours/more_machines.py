"""How the time falls with Dask's workers: feature rows, grid search and batch scoring, on this machine and on 1, 2, 4 workers.

Scheduler and workers are processes of the `dask` command, as in a cluster; each worker has one thread, and so has its
Polars. Rounds are interleaved and the least time counts, for other work on the machine only ever adds to it.

    python -m loadtests.bench.ours.more_machines --page docs/dask.md
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import click

from jobs.ingest.ingestion import ingest
from jobs.score import score
from propensity.engine import HERE, Engine
from propensity.engine.scheduler import DaskEngine
from propensity.events.event import HOUR
from propensity.events.formats import FORMATS
from propensity.model import Model
from propensity.settings import Settings, read_settings
from propensity.simulate import Scenario, simulate
from propensity.store import Store, UserRange, open_store
from training import candidates, dataset, model, search

BEGIN: Final = "<!-- measured by make bench-dask -->"
END: Final = "<!-- end -->"
START_SECONDS: Final = 60
_DASK: Final = str(Path(sys.executable).with_name("dask"))
Seconds = dict[str, list[float]]


@click.command()
@click.option("--users", default=4_000, show_default=True, help="Shoppers of the simulated log.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--search", "grid", type=click.Choice(["quick", "full"]), default="full", show_default=True)
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path), help="Put the table into this page.")
def main(*, users: int, rounds: int, grid: str, page: Path | None) -> None:
    """Measure, print the table, and put it into the page."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = read_settings(home=Path(folder), search=grid)
        with open_store(settings.store_uri.get_secret_value()) as store:
            table = _table(store, settings, users=users, rounds=rounds)
    sys.stdout.write(table)
    if page:
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{table}{END}{rest.partition(END)[2]}")


def _table(store: Store, settings: Settings, *, users: int, rounds: int) -> str:
    log = settings.home / "shop.parquet"
    simulate(Scenario(users=users)).write(log)
    last = Scenario(users=users).end_time
    ingest([str(log)], log_format=FORMATS["propensity"], store=store, now=last, max_refused_share=0.0)
    store.ledger.claim(kind="training", state="done", at=last, reason="a benchmark")
    ways: dict[str, Callable[[], Iterator[Engine]]] = {"this machine alone": _here}
    ways |= {
        f"{count} worker{'s' * (count > 1)}": partial(_workers, count, store, settings) for count in (1, 2, 4)
    }
    found: dict[str, Seconds] = {name: {} for name in ways}
    measure = _Measure(store, settings, last=last)
    for _ in range(rounds):
        for name, way in ways.items():
            with contextmanager(way)() as engine:
                for what, seconds in measure.all_of(engine).items():
                    found[name].setdefault(what, []).append(seconds)
    return _markdown(found, store=store, rows=measure.rows, grid=settings.search, rounds=rounds)


class _Measure:
    """The three heavy things, timed on an engine."""

    def __init__(self, store: Store, settings: Settings, *, last: int) -> None:
        made = dataset.build(store, settings, now=last)
        quick = settings.model_copy(update={"search": "quick"})
        trained = model.fit(made, quick, now=last, git_commit="", progress=lambda _: None)
        store.bundles.put(trained.bundle.digest, trained.bundle.files)
        self.rows = sum(map(len, made.rows.values()))
        self._made, self._model = made, Model(trained.bundle)
        self._store, self._settings, self._last = store, settings, last

    def all_of(self, engine: Engine) -> dict[str, float]:
        """Seconds by name."""
        self._last -= HOUR  # a cutoff that has no scores yet
        scored = partial(score, model=self._model, model_version="1", cutoff=self._last, lag=0, engine=engine)
        end = Scenario().end_time
        return {
            "feature rows": _timed(
                lambda: dataset.build(self._store, self._settings, now=end, engine=engine)
            ),
            "grid search": _timed(lambda: search.find(self._made.fit, self._settings, engine=engine)),
            "batch scoring": _timed(lambda: scored(self._store)),
        }


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _here() -> Iterator[Engine]:
    yield HERE


def _workers(count: int, store: Store, settings: Settings) -> Iterator[Engine]:
    """Start a scheduler with so many workers, and warm them up: what they import is not what is measured."""
    told = settings.home / f"scheduler-{time.monotonic_ns()}.json"
    scheduler = [_DASK, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    worker = [_DASK, "worker", "--nworkers", str(count), "--nthreads", "1", "--no-dashboard"]
    environment = {
        **os.environ,
        "PROPENSITY_STORE_URI": settings.store_uri.get_secret_value(),
        "POLARS_MAX_THREADS": "1",
    }
    quiet = partial(
        subprocess.Popen,
        env=environment,
        cwd=settings.home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    started = []
    try:
        started.append(quiet([*scheduler, "--scheduler-file", str(told)]))
        started.append(quiet([*worker, "--scheduler-file", str(told)]))
        engine = DaskEngine(_address(told), worker_seconds=START_SECONDS)
        _wait_for(lambda: engine.threads == count)
        list(engine.over_users(_warm, store, events_at_once=10_000))
        yield engine
        engine.close()
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def _warm(_: Store, __: UserRange) -> Iterator[int]:
    """Import what the measured work imports."""
    return iter([len(candidates.FAMILIES)])


def _address(told: Path) -> str:
    _wait_for(lambda: told.exists() and told.read_text().rstrip().endswith("}"))
    return str(json.loads(told.read_text())["address"])


def _wait_for(come: Callable[[], bool]) -> None:
    for _ in range(START_SECONDS * 20):
        if come():
            return
        threading.Event().wait(0.05)
    raise click.ClickException(f"Dask's processes are not there after {START_SECONDS} s.")


def _markdown(found: dict[str, Seconds], *, store: Store, rows: int, grid: str, rounds: int) -> str:
    names = list(next(iter(found.values())))
    lines = [
        f"{store.events.summary().events:,} simulated events, {rows:,} feature rows, the {grid} grid; {os.cpu_count()} cores, "
        f"seconds, least of {rounds}.",
        "",
        "| | " + " | ".join(names) + " |",
        "|---|" + "---:|" * len(names),
        *(
            "| " + " | ".join([way, *(f"{min(times[name]):.1f}" for name in names)]) + " |"
            for way, times in found.items()
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
