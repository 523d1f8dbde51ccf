"""Commands about experiments: try a version beside the champion, say how it stands, end it."""

from typing import TYPE_CHECKING, Any

import click

from propensity.cli import door
from propensity.cli.operation import request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from propensity.settings import Settings
    from propensity.store import LedgerEntry, Store
    from propensity.store.experiments import Mode


@click.group()
def experiment() -> None:
    """Try a version beside the champion: on copies of requests, or for a share of the users.

    \b
    Example:
      propensity experiment start --mode canary 7 --reason "the summer model"
    """


@experiment.command()
@click.argument("version")
@click.option(
    "--mode",
    type=click.Choice(["shadow", "ab", "canary"]),
    required=True,
    help="Copies of requests; halves of the users; or a share that grows by itself.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Of users, for ab.  [default: as set]",
)
@click.option("--stages", help="Shares for canary, such as 0.01,0.1,0.5.  [default: as set]")
@click.option("--reason", default="asked for by hand", show_default=True, help="Why; the ledger keeps it.")
def start(version: str, mode: "Mode", share: float | None, stages: str | None, reason: str) -> None:
    """Try a version; it ends by promotion or by going back, and the ledger says why.

    \b
    Examples:
      propensity experiment start --mode shadow 7
      propensity experiment start --mode ab --share 0.2 7
    """

    def plan(settings: "Settings") -> dict[str, Any]:
        import msgspec

        from propensity.lifecycle.challenge import plan_of

        return dict(msgspec.to_builtins(plan_of(settings, mode, share=share, stages=stages or "")))

    request("start experiment", reason, version=version, plan=plan)


@experiment.command()
@click.option("--reason", required=True, help="Why; the ledger keeps it.")
def stop(reason: str) -> None:
    """Go back to the champion alone.

    \b
    Example:
      propensity experiment stop --reason "the campaign starts tomorrow"
    """
    request("stop experiment", reason)


@experiment.command()
def status() -> None:
    """Say what is tried, how far it is, and what each pod has seen of the challenger.

    \b
    Example:
      propensity experiment status
    """
    with door.opened_store(door.settle()) as store:
        for line in lines_of(newest(store), store):
            click.echo(line)


@experiment.command()
def report() -> None:
    """Count the mature outcomes of both sides now, and say what may be concluded from them.

    \b
    Example:
      propensity experiment report
    """
    from jobs.experiments.ab import decide, look, numbers_of
    from propensity.errors import NoExperiment
    from propensity.lifecycle.challenge import record_of

    settings = door.settle()
    with door.opened_store(settings) as store:
        entry = newest(store)
        if entry.evidence["mode"] != "ab" or "started at" not in entry.evidence:
            raise NoExperiment(
                "The newest experiment splits no users in two, or has not begun. "
                "Ask for `propensity experiment status`."
            )
        found = look(
            record_of(entry),
            effect=entry.evidence["effect"],
            store=store,
            settings=settings,
            now=door.now(),
        )
    numbers = numbers_of(found)
    for name in ("champion", "challenger"):
        users, buyers = numbers[name]
        click.echo(f"{name:12} {users:>9,} users, {buyers:,} bought within 24 hours of their first answer")
    for name in ("difference", "always valid"):
        value, low, high = numbers[name]
        click.echo(f"{name:12} {value:+.3%} [{low:+.3%}, {high:+.3%}]")
    click.echo(f"sample ratio p {numbers['sample ratio p']:.3g}")
    click.echo(
        f"planned      {numbers['users planned']:,} users, {numbers['users still needed']:,} still needed"
    )
    decision = decide(found, numbers=numbers, now=door.now())
    click.echo(f"conclusion   {decision.why or 'none yet'}")


def newest(store: "Store") -> "LedgerEntry":
    """Return the experiment that is on, or else the newest there was; NoExperiment where there was none."""
    from propensity.errors import NoExperiment
    from propensity.lifecycle.challenge import KIND, under_way

    found = under_way(store) or next(iter(store.ledger.latest(1, KIND)), None)
    if found is None:
        raise NoExperiment(
            "There has been no experiment. Begin one: `propensity experiment start --mode shadow VERSION`."
        )
    return found


def lines_of(entry: "LedgerEntry", store: "Store") -> "Iterator[str]":
    """Show an experiment's entry, its stages and its trials for reading."""
    said = entry.evidence
    yield f"Ledger entry {entry.sequence}: {said['mode']} of version {entry.subject} is {entry.state}  — {entry.reason}"
    if "champion" in said:
        yield f"champion     {said['champion'].partition('@')[0]}, since {door.as_time(said['started at'])}"
        share = said["shares"][said["stage"]]
        yield f"share        {share:.0%} (stage {said['stage'] + 1} of {len(said['shares'])})"
    for stage in said.get("passed", []):
        rest = ", ".join(
            f"{name} {value:g}" for name, value in stage.items() if name not in {"share", "since"}
        )
        yield f"passed       {stage['share']:.0%}: {rest}"
    for trial in store.experiments.trials(entry.sequence):
        counts = ", ".join(
            f"{getattr(trial, name):,} {name}"
            for name in ("answered", "unsound", "failed", "dropped", "deaths")
        )
        yield f"pod          {trial.pod}: {counts}" + (
            f"; given up: {trial.given_up}" if trial.given_up else ""
        )
    if "why" in said:
        yield f"because      {said['why']}"
