"""The simulator's command, and the simulated shop that a first training can begin with."""

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from propensity.cli import door
from propensity.cli.data import ingest
from propensity.events.event import DAY, HOUR

if TYPE_CHECKING:
    from propensity.settings import Settings

SIMULATED_DAYS: Final = 60
"""Days of the shop a first training begins with."""


@click.command()
@click.argument("out", type=click.Path(dir_okay=False))
@click.option("--users", default=4000, show_default=True, help="Shoppers in the log.")
@click.option("--days", default=60, show_default=True, help="Days the log spans.")
@click.option(
    "--first-days",
    type=click.IntRange(1),
    help="Write only so many of them; the whole log goes on from there.  [default: all]",
)
@click.option("--seed", default=7, show_default=True, help="The same seed gives the same bytes.")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), help="First day, UTC.  [default: 2026-01-01]")
@click.option("--drift-at", type=int, help="Day from which shoppers behave differently.")
@click.option(
    "--drift",
    type=click.Choice(["intent", "mix"]),
    default="intent",
    show_default=True,
    help="How they change.",
)
@click.option(
    "--truth", type=click.Path(dir_okay=False), help="Also write each user's true probability here."
)
@click.option(
    "--truth-every",
    default=24,
    type=click.IntRange(1, 24 * 30),
    show_default=True,
    help="Hours between the cutoffs of --truth.",
)
def simulate(
    out: str,
    users: int,
    days: int,
    first_days: int | None,
    seed: int,
    start: datetime | None,
    drift_at: int | None,
    drift: str,
    truth: str | None,
    truth_every: int,
) -> None:
    """Write a synthetic event log, for demos, tests and load.

    The shoppers have hidden intents, sessions and funnels; no real person is in it. The ending of OUT says the form:
    .csv, .csv.gz or .parquet.

    \b
    Example:
      propensity simulate shop.csv --users 2000 --days 45 --truth truth.csv
    """
    from propensity.simulate import Drift, Scenario
    from propensity.simulate import simulate as simulation_of

    door.settle()
    scenario = Scenario(users=users, days=days, seed=seed, drift_at=drift_at, drift=Drift(drift))
    if start:
        scenario = replace(scenario, start=start.replace(tzinfo=UTC))
    simulation = simulation_of(scenario)
    written = simulation.write(out, first_days=first_days)
    click.echo(
        f"{written:,} synthetic events of {users:,} users over {min(days, first_days or days)} days in {out}"
    )
    if truth:
        cutoffs = range(scenario.start_time + DAY, scenario.end_time, truth_every * HOUR)
        click.echo(f"{simulation.write_truth(truth, list(cutoffs)):,} true probabilities in {truth}")


def take_in_simulated(ctx: click.Context, settings: "Settings") -> None:
    """Take in 60 simulated days up to last midnight, or some days before, where the store has no event yet."""
    with door.opened_store(settings) as store:
        if store.events.summary().events:
            door.say("The store holds events already; nothing is simulated.")
            return
    midnight = datetime.fromtimestamp(door.now() / 1_000_000, UTC).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    with tempfile.TemporaryDirectory() as folder:
        log = str(Path(folder) / "simulated.parquet")
        days = SIMULATED_DAYS + settings.simulated_days_ago
        ctx.invoke(
            simulate,
            out=log,
            users=settings.simulated_users,
            days=days,
            first_days=SIMULATED_DAYS,
            start=midnight - timedelta(days=days),
        )
        ctx.invoke(ingest, paths=(log,), allow_unchanged=True)
