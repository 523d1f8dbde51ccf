"""`make bench`: the door. It says what it does while it does it, and writes docs/benchmarks.md at the end."""

import os
import platform
import shutil
import signal
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import click

from loadtests.bench import elsewhere, h2load, heavy_path, page, rounds
from loadtests.bench.h2load import Unmeasured
from loadtests.bench.peers import BENCH_PYTHON, MLSERVER_PYTHON, QUICK, ROOT, SLOW
from loadtests.bench.picture import draw

PICTURE: Final = "benchmarks.svg"
MAKE_IT: Final = "There is no environment for the peers. `make bench` makes it."

WHOLE: Final = {"count": 5, "seconds": 5.0, "events": 5_000_000, "trees": 300, "depth": 12}
"""What a run has by default."""
COMMITTED: Final = ROOT / "docs" / "benchmarks.md"
REDUCED: Final = ROOT / "build" / "bench" / "benchmarks.md"

say = partial(click.echo, err=True)


@click.command()
@click.option(
    "--rounds",
    "count",
    default=WHOLE["count"],
    help="Rounds of all peers; 0 leaves serving out.  [default: 5]",
)
@click.option("--seconds", default=WHOLE["seconds"], help="Of each measurement.  [default: 5]")
@click.option(
    "--events",
    default=WHOLE["events"],
    help="Of the log, 80 bytes each; 0 leaves the heavy path out. Wants a gigabyte of memory and two of disk for each "
    "two million.  [default: 5000000]",
)
@click.option("--trees", default=WHOLE["trees"])
@click.option("--depth", default=WHOLE["depth"])
@click.option("--peers", "which", type=click.Choice(["quick", "all"]), default="quick")
@click.option("--only", default="", help="Measure peers whose names hold this text.")
@click.option("--folder", type=click.Path(path_type=Path), default=ROOT / "build" / "bench")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Where the page goes.  [default: docs/benchmarks.md; of a run that is shorter or smaller build/bench/benchmarks.md]",
)
def main(
    *,
    count: int,
    seconds: float,
    events: int,
    trees: int,
    depth: int,
    which: str,
    only: str,
    folder: Path,
    out: Path | None,
) -> None:
    """Measure everything and write the page."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no server is left behind
    load, log = os.getloadavg()[0], folder / "log.csv"
    material = (folder / "material").absolute()
    try:
        _require(serving=count > 0, peers=which)
        make_material(material, trees=trees, depth=depth, with_mlflow=which == "all")
        peers = [peer for peer in (*QUICK, *(SLOW if which == "all" else ())) if only in peer.name]
        results = list(rounds.run(peers, rounds=count, seconds=seconds, material=material, say=say))
        rows = _heavy_log(log, events=events)
        runs = list(heavy_path.run(log, rounds=max(1, min(count, 3)), say=say)) if events else []
        growth = list(heavy_path.grow(log)) if events else []
        floor = heavy_path.floor(log) if events else None
        scoring = heavy_path.score(material) if events else None
    except Unmeasured as error:
        raise click.ClickException(str(error)) from error
    whole = is_whole(count=count, seconds=seconds, events=events, trees=trees, depth=depth, only=only)
    _write(
        page.Measured(
            results=results,
            runs=runs,
            scoring=scoring,
            growth=growth,
            floor=floor,
            proofs=elsewhere.read_all(),
        ),
        page.Setting(
            machine=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
            load=(load, os.getloadavg()[0]),
            date=elsewhere.today(),
            commit=elsewhere.commit(),
            is_whole=whole,
            trees=trees,
            depth=depth,
            rounds=count,
            seconds=seconds,
            log_rows=rows,
            log_megabytes=log.stat().st_size / 1e6 if rows else 0.0,
        ),
        out or (COMMITTED if whole else REDUCED),
    )


def is_whole(*, only: str, **given: float) -> bool:
    """Whether a run measures at least what the defaults do, so that its page may be the committed one."""
    return not only and all(given[name] >= least for name, least in WHOLE.items())


def _write(measured: page.Measured, setting: page.Setting, out: Path) -> None:
    text = page.page(measured, setting, picture=PICTURE)
    page.write(text, out)
    if measured.results:
        draw(measured.results, out.with_name(PICTURE))
    click.echo(text)


def _require(*, serving: bool, peers: str) -> None:
    if serving and not h2load.is_there():
        raise Unmeasured(h2load.MISSING)
    if not BENCH_PYTHON.exists() or (peers == "all" and not MLSERVER_PYTHON.exists()):
        raise Unmeasured(MAKE_IT)


def make_material(material: Path, *, trees: int, depth: int, with_mlflow: bool, users: int = 2_000) -> None:
    """Make the material anew: a store made yesterday holds events that grow old."""
    say(f"Making one forest of {trees} trees in every form, and a shop behind it …")
    shutil.rmtree(material, ignore_errors=True)
    until = f"{datetime.now(UTC):%Y-%m-%dT%H:00}"
    options = ["--trees", str(trees), "--depth", str(depth), "--users", str(users), "--until", until]
    heavy_path.called(
        Path(sys.executable),
        "-m",
        "loadtests.bench.ours.material",
        str(material),
        *options,
        *(["--mlflow"] * with_mlflow),
    )


def _heavy_log(path: Path, *, events: int) -> int:
    if not events:
        return 0
    say(f"Simulating a log of about {events:,} events …")
    return heavy_path.make_log(path, events=events)


if __name__ == "__main__":
    main()
