"""Commands about models: train one, list them, put one into production, pack one."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click

from propensity.cli import data, door

if TYPE_CHECKING:
    from propensity.registry import Registry
    from propensity.settings import Settings
    from training.train import Outcome


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
    if not retrain and (number := settled_champion(settings, registry=registry)):
        click.echo(f"Version {number} is in production; nothing to do. --retrain trains a challenger.")
        return
    if simulate:
        data.take_in_simulated(ctx, settings)
    if data_path:
        ctx.invoke(data.ingest, paths=data_path, name=name, allow_unchanged=True)
    outcome = run_training(settings, registry=registry, reason=reason)
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


def run_training(settings: "Settings", *, registry: "Registry", reason: str) -> "Outcome":
    """Train with the clock and the commit of this machine."""
    from training.train import Training

    with door.opened_store(settings) as store:
        training = Training(
            settings, store=store, registry=registry, clock=door.now, git_commit=git_commit(), say=door.say
        )
        return training.run(reason)


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
    document = outcome.trained.document
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


@click.command()
@click.option(
    "--limit",
    default=10,
    type=click.IntRange(1, 1000),
    show_default=True,
    help="Versions to show, newest first.",
)
def models(limit: int) -> None:
    """List model versions with verdict, alias and metrics.

    \b
    Example:
      propensity models --limit 3
    """
    registry = door.open_registry(door.settle())
    from propensity.registry import CHALLENGER, PREVIOUS, PRODUCTION

    aliases = {
        found.number: alias for alias in (CHALLENGER, PREVIOUS, PRODUCTION) if (found := registry.at(alias))
    }
    versions = registry.versions(limit)
    if not versions:
        click.echo("No version is registered yet. Train one with `propensity train`.")
    for version in versions:
        metrics = registry.metrics(version)
        shown = "  ".join(
            f"{name} {metrics[name]:.3f}"
            for name in ("f1", "recall", "precision", "roc_auc")
            if name in metrics
        )
        click.echo(
            f"{version.number:>4}  {door.as_time(version.created_at)}  {aliases.get(version.number, ''):11} "
            f"{version.verdict:20} {shown}"
        )


@click.command()
@click.argument("version")
@click.option("--reason", default="asked for by hand", show_default=True, help="Why; the ledger keeps it.")
def promote(version: str, reason: str) -> None:
    """Put a version into production, whatever the gate said of it.

    \b
    Example:
      propensity promote 3 --reason "the summer campaign was tested on it"
    """
    settings = door.settle()
    registry = door.open_registry(settings)
    from propensity.lifecycle.promotion import promote as promote_one

    with door.opened_store(settings) as store:
        entry = promote_one(version, reason=reason, store=store, registry=registry, clock=door.now)
    click.echo(f"Ledger entry {entry.sequence}: promotion of version {version} is {entry.state}.")


@click.command()
@click.option("--version", "number", help="Which version.  [default: the one in production]")
def package(number: str | None) -> None:
    """Build a Bento with the model inside; it serves with neither store nor registry.

    \b
    Example:
      bentoml serve $(propensity package)
    """
    settings = door.settle()
    registry = door.open_registry(settings)
    version = registry.version(number) if number else registry.champion()
    from bentos.scorer.packaging import package as build

    click.echo(build(registry.bundle(version), version=version.number, verdict=version.verdict))
