"""Commands that operate: requests people make, and the operator that does what they ask.

A request is a line in the ledger. On a cluster the operator takes it; on a laptop, where none need be running, the
command looks once itself.
"""

import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from propensity.cli import door

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobs.operate import Hands
    from propensity.lifecycle.requests import Action
    from propensity.settings import Settings
    from propensity.store import Store


@click.command()
@click.option("--reason", default="asked for by hand", show_default=True, help="Why; the ledger keeps it.")
def retrain(reason: str) -> None:
    """Ask for a retraining; one that is under way already takes the reason up.

    \b
    Example:
      propensity retrain --reason "the summer collection is out"
    """
    request("retrain", reason)


@click.command()
@click.option("--reason", required=True, help="Why; the version that goes is tagged `rejected` with it.")
def rollback(reason: str) -> None:
    """Go back to the version before; the present one is never promoted automatically again.

    \b
    Example:
      propensity rollback --reason "the campaign team sees nonsense"
    """
    request("roll back", reason)


@click.command()
@click.option("--once", is_flag=True, help="Look once, then end.")
def operate(once: bool) -> None:
    """Do what the ledger asks for, follow the alias, roll models out and take bad ones back, until told to stop.

    \b
    Examples:
      propensity operate
      propensity operate --once
    """
    from jobs.operate import operate as look_again
    from jobs.operate import step

    settings = door.settle()
    with door.opened_store(settings) as store:
        hands = hands_for(settings, store)
        if once:
            step(hands)
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        look_again(hands, stop=stop, health=health_file(settings))


def health_file(settings: "Settings") -> Path:
    """Return the file that is touched after each look, which a probe reads."""
    return settings.home / "operator-health"


def hands_for(settings: "Settings", store: "Store") -> "Hands":
    """Return what the operator works with: registry, platform and clock of this machine."""
    from jobs.operate import Hands
    from propensity.lifecycle.platform import open_platform

    registry, platform = door.open_registry(settings), open_platform(settings)
    return Hands(store=store, registry=registry, platform=platform, settings=settings, clock=door.now)


def request(
    action: "Action",
    reason: str,
    *,
    version: str | None = None,
    force: bool = False,
    plan: "Callable[[Settings], dict[str, Any]] | None" = None,
) -> None:
    """Write a request; in embedded mode have it done at once, and say what came of it."""
    from propensity.lifecycle.requests import REFUSED, ask

    settings = door.settle()
    with door.opened_store(settings) as store:
        entry = ask(
            action,
            reason=reason,
            store=store,
            clock=door.now,
            actor=door.actor(),
            version=version,
            force=force,
            plan=plan(settings) if plan else None,
        )
        if settings.platform == "embedded":
            from jobs.operate import step

            step(hands_for(settings, store))
        entry = store.ledger.get(entry.sequence) or entry
    came = entry.evidence.get("result", "the operator takes it up at its next look")
    click.echo(f"Ledger entry {entry.sequence}: request to {action} is {entry.state}. {came}")
    if entry.state == REFUSED:
        sys.exit(1)
