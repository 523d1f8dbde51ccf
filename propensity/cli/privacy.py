"""The command that forgets a user: it says what there is, asks once, and says what was erased and what stays."""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from propensity.cli import door
from propensity.errors import StoreUnavailable
from propensity.events.event import MAX_ID_LENGTH
from propensity.events.validation import CONTROL

if TYPE_CHECKING:
    from propensity.lifecycle.erasure import Erasure
    from propensity.store.forgotten import Forgotten

NOTHING: Final = "nothing"


def user_id_of(_ctx: click.Context, _param: click.Parameter, given: str) -> str:
    """Return an id as the ingest would have cleaned it, or say that it can't be one."""
    user_id = given.strip(" ")
    if not user_id or len(user_id) > MAX_ID_LENGTH or re.search(CONTROL, user_id):
        raise click.BadParameter(f"An id has 1 to {MAX_ID_LENGTH} characters and no control characters.")
    return user_id


@click.command()
@click.argument("user_id", metavar="USER", callback=user_id_of)
@click.option("--reason", required=True, help="Why; the ledger keeps it, without the user's id.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
def forget(user_id: str, reason: str, *, yes: bool) -> None:
    """Erase a user from the store for good, and keep every log and request from bringing the user back.

    There is no way back: not even the operator can lift it. Stopped half-way, the same command finishes it.

    \b
    Example:
      propensity forget 12345 --reason "asked by letter of 3 March"
    """
    from propensity.lifecycle.erasure import forget as forget_one

    settings = door.settle()
    with door.opened_store(settings) as store:
        if not yes:
            door.say(f"There is {told(store.forgotten.find(user_id))} of this user.")
            click.confirm("Erase it for good?", abort=True, err=True)
        erasure = forget_one(
            user_id,
            reason=reason,
            actor=door.actor(),
            store=store,
            clock=door.now,
            salt=secrets.token_bytes(32),
        )
        clear_spool(settings.spool_path, store.forgotten.current())
    for line in erasure_lines(erasure):
        click.echo(line)


def clear_spool(folder: str, forgotten: "Forgotten") -> None:
    """Clear what a service on this machine left waiting on the disk: one that has stopped can't do so itself."""
    from bentos.scorer.spool import clear_left_behind

    lost = clear_left_behind(Path(folder), forgotten)
    if lost is None:
        raise StoreUnavailable(
            f"What waits in {folder} can't be rewritten. See to the disk, and run the same command again."
        )
    if lost:
        door.say(f"{lost:,} waiting answers in {folder} could not be read, and are gone as well.")


def erasure_lines(erasure: "Erasure") -> Iterator[str]:
    """Say what was erased, when the pods have, and which models stay."""
    yield f"Ledger entry {erasure.entry.sequence}: forgotten as {erasure.entry.subject}. Erased: {told(erasure.found)}."
    yield f"Scorer pods clear what waits in their spools within {erasure.pods_seconds} seconds of reaching the store."
    yield from _learned_lines(erasure)
    yield "Logs, backups and downloaded lists outside the store are yours to clear: see docs/privacy.md."


def _learned_lines(erasure: "Erasure") -> Iterator[str]:
    versions, under_way, untold = erasure.learned
    if versions:
        yield (
            f"Versions that may have been trained with this user: {', '.join(versions)}. They stay and hold no id; "
            "train anew to be rid of what they learned: `propensity retrain`."
        )
    for number in under_way:
        yield (
            f"Training {number}, under way, may have read this user's events: run the same command again when it has ended."
        )
    if untold:
        yield f"It cannot be told of versions {', '.join(untold)}: events that they were trained with are no longer kept."
    if not any(erasure.learned):
        yield "No version that the ledger knows was trained with this user."


def told(found: dict[str, int]) -> str:
    """Return counts by collection for reading."""
    return ", ".join(f"{count:,} in {name}" for name, count in found.items()) or NOTHING
