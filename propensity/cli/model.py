"""Commands about models: list them, put one into production, pack one."""

import click

from propensity.cli import door
from propensity.cli.operation import request


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
@click.option("--force", is_flag=True, help="Also where the version was rolled back before.")
def promote(version: str, reason: str, *, force: bool) -> None:
    """Ask for a version to be put into production, whatever the gate said of it.

    \b
    Example:
      propensity promote 3 --reason "the summer campaign was tested on it"
    """
    request("promote", reason, version=version, force=force)


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
