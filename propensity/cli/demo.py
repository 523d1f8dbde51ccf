"""`propensity demo`: the whole main job once, on real input or a simulated log, ending with an answered request."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from propensity.cli import data, door, service, simulated, training
from propensity.errors import PropensityError

START_SECONDS: Final = 60
"""Longest the service may take on a busy machine before the demo gives up."""
ELSEWHERE: Final = (
    "PROPENSITY_STORE_URI",
    "MLFLOW_TRACKING_URI",
    "PROPENSITY_SPOOL_PATH",
    "PROPENSITY_API_KEYS_FILE",
    "PROPENSITY_MODEL_REFERENCE",
    "PROPENSITY_MODEL_PATH",
    "PROPENSITY_PLATFORM",
    "PROPENSITY_DASK_ADDRESS",
)
"""What would lead the demo to a real store or registry; it keeps to its own folder."""


@click.command()
@click.option("--data", "log", metavar="FILE", help="A real event log.  [default: a simulated one]")
@click.option(
    "--format", "name", type=click.Choice(data.FORMAT_NAMES), help="Whose log FILE is.  [default: propensity]"
)
@click.option("--keep", is_flag=True, help="Leave the service running until Ctrl-C.")
@click.pass_context
def demo(ctx: click.Context, log: str | None, name: str | None, keep: bool) -> None:
    """Run the whole loop once: log, events, features, model, gate, service, answer.

    Everything it makes lies in .propensity/demo-… and can be looked at with the other commands.

    \b
    Examples:
      propensity demo
      propensity demo --data UserBehavior.csv --format taobao
    """
    home = demo_home(log, name)
    for elsewhere in ELSEWHERE:
        os.environ.pop(elsewhere, None)
    os.environ["PROPENSITY_HOME"] = str(home.absolute())
    started = time.monotonic()
    simulated = not log
    log = data.existing(log) if log else simulated_log(ctx, home)
    step(1, f"Events: take {log} in; rows that can't be events are kept apart")
    ctx.invoke(data.ingest, paths=(log,), name=name, allow_unchanged=True)
    ctx.invoke(data.refused, limit=3)
    step(2, "Features, model, calibration, threshold, registry, gate")
    outcome = training.run_training(
        settings := door.settle(), registry=door.open_registry(settings), reason="demo", force=True
    )
    for line in training.outcome_lines(outcome):
        click.echo(line)
    if simulated:
        from propensity.cli.ceiling import ceiling_lines
        from propensity.simulate import Scenario, simulate

        for line in ceiling_lines(outcome, simulate(Scenario())):
            click.echo(line)
    step(3, "Scores: every active user at the end of the log")
    ctx.invoke(service.score)
    step(4, "Service: `bentoml serve`, asked over HTTP")
    with served() as url:
        for route, body in requests():
            ask(url, route, body)
        click.echo(f"\nDone in {time.monotonic() - started:.0f} s.")
        if keep:
            door.say(f"The service answers at {url} until Ctrl-C; its documentation is at {url}/docs.")
            signal.pause()
    for line in what_next(home):
        click.echo(line)


def demo_home(log: str | None, name: str | None) -> Path:
    """Return a folder of this log's own: two logs in one store would be one shop."""
    from hashlib import sha256

    if not log:
        return Path(".propensity") / "demo-simulated"
    which = sha256(str(Path(log).absolute()).encode()).hexdigest()[:6]
    return Path(".propensity") / f"demo-{name or 'propensity'}-{which}"


def simulated_log(ctx: click.Context, home: Path) -> str:
    """Write the simulator's default log into the demo's home."""
    step(
        0,
        "Data: a SIMULATED shop (no real person in it); `make demo DATA=file FORMAT=taobao` runs on a real log",
    )
    home.mkdir(parents=True, exist_ok=True)
    log = home / "simulated.csv"
    ctx.invoke(simulated.simulate, out=str(log))
    return str(log)


def step(number: int, title: str) -> None:
    """Say which part of the loop comes now."""
    click.echo(f"\n── {number}. {title}")


def requests() -> list[tuple[str, dict[str, Any]]]:
    """Return what the demo asks: one user and a batch, as an app's back end would."""
    return [
        (
            "/predict",
            {"user_id": "12345", "last_activity_hours": 2.5, "cart_count": 3, "session_duration": 15.2},
        ),
        (
            "/predict/batch",
            {"users": [{"user_id": "12345", "cart_count": 3}, {"user_id": "67890", "cart_count": 0}]},
        ),
        *([("/predict", {"user_id": user})] if (user := known_user()) else []),
    ]


def known_user() -> str | None:
    """Return a user of the log: the likeliest buyer of the newest scores."""
    with door.opened_store(door.settle()) as store:
        cutoffs = store.scores.cutoffs(1)
        top = store.scores.top(cutoffs[0], 1) if cutoffs else []
    return top[0].user_id if top else None


def ask(url: str, route: str, body: dict[str, Any]) -> None:
    """Send one request and show both sides of it."""
    import json

    import httpx

    answer = httpx.post(url + route, json=body, timeout=10)
    click.echo(f"\n$ curl -d '{json.dumps(body)}' {url}{route}\n{answer.status_code} {answer.text}")
    if answer.status_code != 200:
        raise PropensityError(f"The service answered {answer.status_code} to {route}. Look at its log above.")


@contextlib.contextmanager
def served() -> Iterator[str]:
    """Run the service as a process on a free port; it is stopped on the way out."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(service.serve_command(port=port, host="127.0.0.1"))  # noqa: S603 - our own command
    try:
        url = f"http://127.0.0.1:{port}"
        seconds = wait_until_ready(url, process)
        click.echo(f"ready after {seconds:.1f} s at {url}")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> float:
    """Ask /readyz until it says yes; return the seconds it took."""
    import httpx

    started = time.monotonic()
    said = "nothing"
    while (waited := time.monotonic() - started) < START_SECONDS and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.get(f"{url}/readyz", timeout=2)
            if answer.status_code == 200:
                return waited
            said = answer.text
        time.sleep(0.1)
    raise PropensityError(f"The service did not become ready; it last said: {said}. Try `propensity doctor`.")


def what_next(home: Path) -> list[str]:
    """Say what to type next."""
    return [
        "",
        "What to try next:",
        *([f"  source {os.path.relpath(sys.prefix)}/bin/activate"] if sys.prefix != sys.base_prefix else []),
        f"  export PROPENSITY_HOME={home}   # the commands below look at what the demo made",
        "  propensity serve   # and open http://127.0.0.1:3000/docs",
        "  propensity dashboard   # and open http://127.0.0.1:8501",
        "  propensity models; propensity ledger; propensity doctor",
        f"  mlflow ui --backend-store-uri sqlite:///{home}/mlflow.db   # runs, curves, the model card",
        "  propensity --help   # everything else",
    ]
