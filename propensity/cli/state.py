"""Commands about the system's state: what is reachable and what is wrong, and what was decided and why."""

import json
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from propensity.cli import door
from propensity.cli.engine import check_engine, ping_engine
from propensity.cli.entries import line_of
from propensity.errors import PropensityError

if TYPE_CHECKING:
    from propensity.settings import Settings
    from propensity.store import Store

Finding = tuple[str, str]
"""`ok`, `note` or `wrong`, and a sentence."""


@click.command()
def doctor() -> None:
    """Say what is reachable and what is wrong; the exit code is that of the first thing wrong.

    \b
    Example:
      propensity doctor
    """
    settings = door.settle()
    click.echo(f"platform {settings.platform}, home {settings.home}")
    codes = [
        code
        for check in (check_names, check_store, check_registry, check_engine, check_api_keys)
        for code in report(check, settings)
    ]
    if codes:
        sys.exit(codes[0])
    click.echo("Nothing is wrong.")


def report(check: "Callable[[Settings], Iterator[Finding]]", settings: "Settings") -> Iterator[int]:
    """Print what a check finds; yield an exit code for each thing that is wrong."""
    try:
        for grade, sentence in check(settings):
            click.echo(f"{grade:6} {sentence}")
            if grade == "wrong":
                yield 1
    except PropensityError as error:
        click.echo(f"wrong  {error}")
        yield error.exit_code


def check_names(settings: "Settings") -> Iterator[Finding]:
    """Look for PROPENSITY_ names in the environment that nothing reads: most likely a typing error."""
    import os

    known = {f"PROPENSITY_{name.upper()}" for name in type(settings).model_fields}
    known |= {
        "PROPENSITY_GIT_COMMIT",
        "PROPENSITY_VERSION",
        "PROPENSITY_API_KEY",
    }  # of the images and the load tests
    for name in sorted(os.environ):
        if name.startswith("PROPENSITY_") and name not in known and not name.startswith("PROPENSITY_TEST_"):
            yield "wrong", f"{name} is set and nothing reads it: is it spelt right?"


def check_store(settings: "Settings") -> Iterator[Finding]:
    """Look at the store: does it answer, what is in it, can serving start from it alone."""
    with door.opened_store(settings) as store:
        store.ping()
        yield "ok", f"the store answers ({settings.store_uri.get_secret_value().partition(':')[0]})"
        summary = store.events.summary()
        if summary.events:
            yield "ok", f"{summary.events:,} events, the last at {door.as_time(summary.last_time)}"
        else:
            yield "note", "no events yet: take a log in with `propensity ingest FILE --format …`"
        refused = store.refused.counts()
        if refused:
            yield (
                "note",
                f"{sum(refused.values()):,} rows were refused: look at them with `propensity refused`",
            )
        yield from check_champion(store)


def check_champion(store: "Store") -> Iterator[Finding]:
    """Look at the model in production: is its bundle whole, does it answer as it did when it was made."""
    from propensity.lifecycle.champion import bundle_of
    from propensity.model import Model

    champion = store.champion()
    if champion is None:
        yield "note", "no model in production yet: train one with `propensity train`"
        return
    Model(bundle_of(store, champion.digest)).verify()
    yield "ok", f"version {champion.version} ({champion.verdict}) is in production and answers as recorded"


def check_registry(settings: "Settings") -> Iterator[Finding]:
    """Look at MLflow: does it answer, and does its alias agree with the store."""
    registry = door.open_registry(settings)
    registry.ping()
    yield "ok", f"MLflow answers at {registry.address}"
    from propensity.registry import PRODUCTION

    alias = registry.at(PRODUCTION)
    with door.opened_store(settings) as store:
        record = store.champion()
    if (alias.number if alias else None) != (record.version if record else None):
        yield (
            "wrong",
            f"MLflow's alias says version {alias.number if alias else 'none'}, the store says "
            f"{record.version if record else 'none'}: settle it with `propensity promote VERSION`",
        )


def check_api_keys(settings: "Settings") -> Iterator[Finding]:
    """Look at the API keys file, where the service is: the image of the jobs has none."""
    if not find_spec("bentos"):
        yield "note", "the service is not installed here: its API keys were not looked at"
        return
    from bentos.scorer.keys import check_keys, read_keys

    check_keys(settings)
    if settings.api_keys_file:
        yield "ok", f"{len(read_keys(Path(settings.api_keys_file)))} API keys"
    else:
        yield (
            "note",
            "no PROPENSITY_API_KEYS_FILE: the service answers anybody who reaches it (embedded mode only)",
        )


@click.command()
@click.option("--seconds", default=300, show_default=True, help="How long to wait at most.")
def wait(seconds: int) -> None:
    """Wait until the store and the registry answer, and Dask where it is named (what a Job does first).

    \b
    Example:
      propensity wait --seconds 60
    """
    import tenacity

    from propensity.errors import OutsideError

    settings = door.settle()
    patiently = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(OutsideError),
        stop=tenacity.stop_after_delay(seconds),
        wait=tenacity.wait_fixed(2),
        before_sleep=lambda attempt: door.say(
            f"Waiting: {attempt.outcome.exception() if attempt.outcome else ''}"
        ),
        reraise=True,
    )
    patiently(ping, settings)
    click.echo("The store and the registry answer.")


def ping(settings: "Settings") -> None:
    """Raise an OutsideError unless all answer now."""
    with door.opened_store(settings) as store:
        store.ping()
    door.open_registry(settings).ping()
    ping_engine(settings)


@click.command()
@click.option(
    "--limit",
    default=20,
    type=click.IntRange(1, 10_000),
    show_default=True,
    help="Entries to show, newest first.",
)
@click.option("--audit", is_flag=True, help="Only what a person asked for or did, and who that was.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, evidence included.")
def ledger(limit: int, *, audit: bool, as_json: bool) -> None:
    """Print what was decided and why: decisions, trainings, promotions, rollouts and requests, newest first.

    \b
    Example:
      propensity ledger --limit 5
      propensity ledger --audit
    """
    import msgspec

    from propensity.lifecycle.audit import acts

    with door.opened_store(door.settle()) as store:
        entries = acts(store, limit) if audit else store.ledger.latest(limit)
    if not entries and not as_json:
        click.echo(
            "Nobody has asked for anything yet."
            if audit
            else "The ledger is empty: nothing has been trained or promoted yet."
        )
    for entry in entries:
        if as_json:
            click.echo(json.dumps(msgspec.to_builtins(entry)))
        else:
            click.echo(line_of(entry))
