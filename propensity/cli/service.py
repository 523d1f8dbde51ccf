"""Commands that answer: serve over HTTP, score every active user, make an API key."""

import os
import sys
from typing import TYPE_CHECKING

import click

from propensity.cli import door
from propensity.cli.engine import opened_engine

if TYPE_CHECKING:
    from bentos.scorer.keys import Scope

SERVICE = "bentos.scorer.service:Scorer"


@click.command()
@click.option("--port", default=3000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 opens it to the network.")
def serve(port: int, host: str) -> None:
    """Serve the model in production over HTTP (`bentoml serve`).

    \b
    Example:
      propensity serve --port 3000
      curl -d '{"user_id": "12345", "cart_count": 3}' localhost:3000/predict
    """
    from bentos.scorer.keys import check_keys
    from propensity.store import open_store

    settings = door.settle()
    check_keys(settings)
    open_store(settings.store_uri.get_secret_value()).close()  # contacts nothing: looks at the address alone
    command = serve_command(port=port, host=host)
    os.execv(command[0], command)  # noqa: S606 - the process becomes bentoml, signals included


def serve_command(*, port: int, host: str) -> list[str]:
    """Return the command that serves: bentoml's own, with this interpreter."""
    return [sys.executable, "-m", "bentoml", "serve", SERVICE, "--port", str(port), "--host", host]


@click.command()
@click.option(
    "--at",
    "at",
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d"]),
    help="Cutoff, UTC.  [default: the last full hour of the log]",
)
def score(at: object) -> None:
    """Score every active user at one cutoff with the model in production.

    \b
    Example:
      propensity score --at 2026-02-28T12:00
    """
    from datetime import UTC, datetime

    from jobs.score import score as score_all
    from propensity.events.event import HOUR
    from propensity.lifecycle.champion import bundle_of, champion_of
    from propensity.model import Model

    settings = door.settle()
    with door.opened_store(settings) as store:
        champion = champion_of(store)
        cutoff = min(store.events.summary().last_time or 0, door.now()) // HOUR * HOUR
        if isinstance(at, datetime):
            cutoff = round(at.replace(tzinfo=UTC).timestamp()) * 1_000_000
        model = Model(bundle_of(store, champion.digest), threads=settings.workers)
        with opened_engine(settings) as engine:
            summary = score_all(
                store,
                model,
                model_version=champion.version,
                cutoff=cutoff,
                lag=model.document.lag,
                engine=engine,
            )
    click.echo(
        f"{summary.users:,} active users scored at {door.as_time(cutoff)} by version {champion.version}: "
        f"{summary.new:,} new, {summary.positives:,} at or above the threshold"
    )


@click.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["predict", "events", "read", "explain", "forget"]),
    required=True,
)
def key(name: str, scopes: "tuple[Scope, ...]") -> None:
    """Make an API key: the secret is shown once, the record goes into the keys file.

    \b
    Example:
      propensity key shop-backend --scope predict --scope events
    """
    import msgspec

    from bentos.scorer.keys import new_key

    secret, record = new_key(name, scopes=list(scopes))
    click.echo(secret)
    door.say(
        "Keep the line above: only its digest is stored. Add this to the list in PROPENSITY_API_KEYS_FILE:"
    )
    door.say(msgspec.json.encode(record).decode())
