"""The command that watches: whether answers came true, whether events and users are as they were, and what follows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from propensity.cli import door

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propensity.settings import Settings
    from propensity.store import MonitorWindow
    from propensity.store.findings import Drift, Performance, Quality


@click.command()
@click.option(
    "--at",
    "at",
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d"]),
    help="Watch as if it were this time, UTC (for logs that ended long ago).  [default: now]",
)
def monitor(at: datetime | None) -> None:
    """Watch the newest window that is over, and retrain where there is a reason.

    Joins outcomes of mature scores, looks at the quality of the events, at drift, at live performance and at volume.
    What was decided, and why, is an entry in the ledger. Run again, it changes nothing.

    \b
    Example:
      propensity monitor
      propensity monitor --at 2026-03-07T01:00
    """
    settings = door.settle()
    now = round(at.replace(tzinfo=UTC).timestamp()) * 1_000_000 if at else door.now()
    for line in lines_of(watch(settings, now=now)):
        click.echo(line)


def watch(settings: "Settings", *, now: int) -> "MonitorWindow":
    """Run the monitor on the store, the registry and the platform of these settings, each opened when it is needed."""
    from jobs.monitor.watch import Monitor
    from propensity.lifecycle.platform import open_platform

    def start(number: int, triggers: "Sequence[object]") -> str:
        return open_platform(settings).start_training(number, triggers)

    def is_gone(number: int) -> bool:
        return open_platform(settings).training_is_gone(number)

    with door.opened_store(settings) as store:
        return Monitor(
            store=store,
            settings=settings,
            registry=lambda: door.open_registry(settings),
            start=start,
            is_gone=is_gone,
            clock=door.now,
        ).run(now=now)


def lines_of(window: "MonitorWindow") -> Iterator[str]:
    """Show a window's record for reading."""
    yield f"Window {door.as_time(window.start)} to {door.as_time(window.end)}, model version {window.version}"
    yield f"quality      {_quality(window.quality)}"
    yield f"drift        {_drift(window.drift)}"
    if window.performance:
        yield f"performance  {_performance(window.performance)}"
    if window.volume and window.volume.growth is not None:
        trained = window.volume.trained_events or 0
        yield f"volume       {window.volume.events:,} events, {window.volume.growth:+.1%} since {trained:,} were trained on"
    if window.report:
        yield f"report       {window.report} (kept in the store)"
    decided = f"{window.decision} (ledger entry {window.sequence})" if window.decision else "none yet"
    yield f"decision     {decided}: {window.reason}"


def _quality(found: "Quality") -> str:
    refused = f", {sum(found.refused.values()):,} refused" if found.refused else ""
    return (
        f"{found.events:,} events of {found.users:,} users{refused}, {found.hours_behind:.1f} hours behind"
        + (f"; STALE: {found.stale}" if found.stale else "")
    )


def _drift(found: "Drift") -> str:
    if not found.judged:
        return f"not judged: {found.reason}"
    drifting = [f"{one.name} {one.shift:+.2f}" for one in found.features if one.drift]
    return (
        f"{len(drifting)} of {len(found.features)} columns of {found.users:,} users"
        + (f": {', '.join(drifting)}" if drifting else "")
        + (f"; for long enough: {', '.join(found.persistent)}" if found.persistent else "")
    )


def _performance(found: "Performance") -> str:
    if not found.judged:
        return f"not judged: {found.reason}"
    shown = {name: found.metrics[name] for name in ("f1", "recall", "precision", "average_precision")}
    texts = (f"{name} {one.value:.3f} [{one.low:.3f}, {one.high:.3f}]" for name, one in shown.items())
    return ", ".join(texts) + f" on {found.rows:,} outcomes; F1's limit {found.f1_limit or 0:.3f}"
