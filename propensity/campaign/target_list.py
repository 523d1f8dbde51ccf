"""Writes a list into the store before it leaves the house: both arms as contacts, so that results can be told later.

The list is named by a digest of what is on it. Exporting it again records nothing new, and a run that was killed
half-way is finished by the next one: contacts first, the list's own record when all are there.
"""

import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from propensity.campaign.selection import CONTROL, TREATED, Selection
from propensity.campaign.spreadsheet import lines
from propensity.store import Contact, Store, TargetList

EXPORT: Final = "export"
"""Kind of the ledger's entry: who let users' names out, and when."""
COLUMNS: Final = ("user_id", "probability")


class Recorded(NamedTuple):
    """What became of a list."""

    target_list: TargetList
    new: int
    """Contacts that were not in the store before."""


def record(store: Store, selection: Selection, *, name: str, by: str, at: int, why: str = "") -> Recorded:
    """Store both arms of a list, and say so and why in the ledger; the same list again changes nothing."""
    list_id = identity(selection, name=name)
    known = store.contacts.get_list(list_id)
    if known:
        return Recorded(known, 0)
    new = store.contacts.add(_contacts(selection, list_id=list_id, at=at))
    made = _target_list(selection, list_id=list_id, name=name, by=by, at=at)
    store.ledger.claim(
        kind=EXPORT,
        state="done",
        at=at,
        reason=f"{by} exported the list {name!r}: {selection.rule.words}." + (f" {why}" if why else ""),
        subject=list_id,
        key=f"{EXPORT}:{list_id}",
        evidence={"treated": made.treated, "control": made.control, "actor": by},
    )
    store.contacts.add_list(made)
    return Recorded(made, new)


def downloaded_again(store: Store, list_id: str, *, by: str, at: int) -> None:
    """Say in the ledger that a recorded list left the house once more."""
    known = store.contacts.get_list(list_id)
    name = known.name if known else list_id
    store.ledger.claim(
        kind=EXPORT,
        state="done",
        at=at,
        reason=f"{by} downloaded the list {name!r} again.",
        subject=list_id,
        evidence={"actor": by},
    )


def identity(selection: Selection, *, name: str) -> str:
    """Return the list's id: the same name, cutoff, split, users and arms give the same one."""
    control = selection.control
    total = hashlib.sha256(f"{name}\0{selection.cutoff}\0{control.seed}\0{control.share!r}\n".encode())
    for user, is_treated in zip(selection.users, selection.is_treated.tolist(), strict=True):
        total.update(f"{user}\0{is_treated:d}\n".encode())
    return total.hexdigest()[:20]


def csv_of(selection: Selection) -> Iterator[str]:
    """Yield the treated arm as lines of CSV; the control arm stays in the house."""
    rows = zip(selection.users, selection.probabilities.tolist(), selection.is_treated.tolist(), strict=True)
    return lines(COLUMNS, ((user, probability) for user, probability, is_treated in rows if is_treated))


def csv_again(store: Store, list_id: str) -> Iterator[str]:
    """Yield a recorded list's treated arm as lines of CSV, by user."""
    contacts = (one for chunk in store.contacts.scan(list_id) for one in chunk)
    return lines(COLUMNS, ((one.user_id, one.probability) for one in contacts if one.arm == TREATED))


def _contacts(selection: Selection, *, list_id: str, at: int) -> Iterator[Contact]:
    rows = zip(selection.users, selection.probabilities.tolist(), selection.is_treated.tolist(), strict=True)
    for user, probability, is_treated in rows:
        yield Contact(
            list_id=list_id,
            user_id=user,
            arm=TREATED if is_treated else CONTROL,
            probability=probability,
            listed_at=at,
        )


def _target_list(selection: Selection, *, list_id: str, name: str, by: str, at: int) -> TargetList:
    return TargetList(
        list_id=list_id,
        name=name,
        created_at=at,
        created_by=by,
        cutoff=selection.cutoff,
        model_version=selection.model_version,
        rule=selection.rule.words,
        control_share=selection.control.share,
        seed=selection.control.seed,
        treated=selection.treated,
        control=len(selection.users) - selection.treated,
        expected_buyers=selection.expected_buyers,
    )
