"""The command that trains: what the Job runs, and a person at a terminal."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click

from propensity.cli import data, door, simulated
from propensity.cli.engine import opened_engine, ping_engine

if TYPE_CHECKING:
    from propensity.engine import Engine
    from propensity.registry import Registry
    from propensity.settings import Settings
    from propensity.store import Store
    from training.train import Outcome, Training


@click.command()
@click.option("--retrain", is_flag=True, help="Train a challenger although a model is in production.")
@click.option(
    "--data-path", multiple=True, metavar="FILE", help="Event log to take in first; may be given again."
)
@click.option(
    "--format", "name", type=click.Choice(data.FORMAT_NAMES), help="Whose log FILE is.  [default: propensity]"
)
@click.option(
    "--simulate", is_flag=True, help="Take in a simulated log that ends last midnight first (a demo)."
)
@click.option("--reason", default="asked for by hand", show_default=True, help="Why; the ledger keeps it.")
@click.option("--quick", is_flag=True, help="Search the small grid.")
@click.option("--force", is_flag=True, help="Give up the training that is under way, and train instead.")
@click.option("--number", type=int, help="Training of the ledger this is started for.")
@click.pass_context
def train(
    ctx: click.Context,
    *,
    retrain: bool,
    simulate: bool,
    data_path: tuple[str, ...],
    name: str | None,
    reason: str,
    quick: bool,
    force: bool,
    number: int | None,
) -> None:
    """Train a model on the stored events, register it, ask the gate, promote it.

    Where a model is in production already, nothing is done unless --retrain is given: then the new version is a
    challenger, and the gate decides on days that neither model was fitted on.
    Exit code 3 means that the data can't carry a model: trying again won't help.

    \b
    Examples:
      propensity train
      propensity train --retrain --data-path UserBehavior.csv --format taobao
    """
    settings = door.settle(search="quick" if quick else None)
    registry = door.open_registry(settings)
    registry.ping()  # before a log is taken in for a training that can't be
    if not retrain and (version := settled_champion(settings, registry=registry)):
        click.echo(f"Version {version} is in production; nothing to do. --retrain trains a challenger.")
        return
    if simulate or data_path:
        ping_engine(settings)  # as the registry
    if simulate:
        simulated.take_in_simulated(ctx, settings)
    if data_path:
        ctx.invoke(data.ingest, paths=data_path, name=name, allow_unchanged=True)
    number = number or settings.training
    if number:
        outcome = run_asked_training(settings, registry=registry, number=number)
    else:
        # A first training that is tried again after it was killed must not wait for itself.
        outcome = run_training(settings, registry=registry, reason=reason, force=force or not retrain)
    if outcome is None:
        click.echo(f"Training {number} has ended already; nothing to do.")
        return
    for line in outcome_lines(outcome):
        click.echo(line)


def settled_champion(settings: "Settings", *, registry: "Registry") -> str | None:
    """Return the version in production, after finishing its promotion where that was interrupted; None without one."""
    from propensity.lifecycle.promotion import promote as promote_one
    from propensity.registry import PRODUCTION

    current = registry.at(PRODUCTION)
    if current is None:
        return None
    with door.opened_store(settings) as store:
        record = store.champion()
        if record is None or record.version != current.number:
            reason = "the registry's alias points to it"
            promote_one(current.number, reason=reason, store=store, registry=registry, clock=door.now)
    return current.number


def run_training(
    settings: "Settings", *, registry: "Registry", reason: str, force: bool = False
) -> "Outcome":
    """Train with the clock and the commit of this machine."""
    with door.opened_store(settings) as store, opened_engine(settings) as engine:
        return made_training(settings, registry=registry, store=store, engine=engine).run(
            reason, actor=door.actor(), force=force
        )


def run_asked_training(settings: "Settings", *, registry: "Registry", number: int) -> "Outcome | None":
    """Do the training that the ledger has claimed a number for; None where it has ended already."""
    with door.opened_store(settings) as store, opened_engine(settings) as engine:
        return made_training(settings, registry=registry, store=store, engine=engine).run_asked(number)


def made_training(
    settings: "Settings", *, registry: "Registry", store: "Store", engine: "Engine"
) -> "Training":
    """Make a training that says what it does at the terminal."""
    from training.train import Training

    return Training(
        settings,
        store=store,
        registry=registry,
        clock=door.now,
        git_commit=git_commit(),
        say=door.say,
        engine=engine,
    )


def git_commit() -> str:
    """Return the commit this code stands at; `unknown` where it is not a checkout (an image says it by environment)."""
    import os

    told = os.environ.get("PROPENSITY_GIT_COMMIT")
    if told:
        return told
    try:
        found = subprocess.run(  # noqa: S603 - our own words
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def outcome_lines(outcome: "Outcome") -> list[str]:
    """Show the metrics of the later test days, with intervals, next to the baselines and the verdict."""
    document = outcome.document
    shown = ("f1", "recall", "precision", "roc_auc", "average_precision", "brier", "lift_at_10")
    columns = [name for name in shown if name in document.metrics]
    lines = [
        "",
        f"On the test days (later than anything that was fitted or chosen; {document.periods['test'].rows:,} rows, "
        f"{document.periods['test'].positives:,} buyers), with 95 % intervals:",
        "",
        f"{'':24}" + "".join(f"{name:>22}" for name in columns),
    ]
    for label, metrics in [(document.estimator, document.metrics), *document.baselines.items()]:
        cells = [metrics.get(name) for name in columns]
        texts = [f"{cell.value:.3f} [{cell.low:.3f}, {cell.high:.3f}]" if cell else "-" for cell in cells]
        lines.append(f"{label:24}" + "".join(f"{text:>22}" for text in texts))
    share = document.contact_share
    lines += [
        "",
        f"threshold {document.threshold:.4f} for a recall of {document.recall_target:g} on the validation days; "
        f"later days can be expected to show {document.expected_recall:.3f}; "
        f"{share.value:.0%} of users lie above it",
        *(f"warning: {warning}" for warning in document.warnings),
        f"verdict on version {outcome.version.number}: {outcome.verdict.word} — {outcome.verdict.reason}",
    ]
    return lines
