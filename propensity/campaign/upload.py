"""Reads a list of users and arms that somebody else's campaign tool made, row by row, with a reason for each bad one."""

import csv
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from propensity.campaign.selection import ARMS
from propensity.campaign.spreadsheet import KEPT_BAD_ROWS, bounded, columns_of, restored
from propensity.errors import WrongFormat
from propensity.events.event import MAX_ID_LENGTH

USER: Final = "user_id"
ARM: Final = "arm"


class Rows(Protocol):
    """csv.reader: the next row, and the line it ended on."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


class BadRow(NamedTuple):
    """A row that was passed over."""

    line: int
    reason: str


class UploadedArms(NamedTuple):
    """Users with their arm, and what could not be read."""

    arms: dict[str, str]
    bad: list[BadRow]
    """The first of them."""
    bad_count: int


def read_arms(lines: Iterable[str]) -> UploadedArms:
    """Read CSV with the columns `user_id` and `arm` (`treated` or `control`) among others.

    WrongFormat where a column is missing, it is no CSV, or there are too many rows. A user in both arms tells nothing and is left out of both.
    """
    try:
        return _read(csv.reader(bounded(lines)))
    except csv.Error as error:
        raise WrongFormat(
            f"The list can't be read as CSV: {error}. Save it as CSV with commas, in UTF-8."
        ) from error


def _read(rows: Rows) -> UploadedArms:
    users, arms = _places(next(rows, []))
    found, bad, count, twofold = dict[str, str](), list[BadRow](), 0, set[str]()
    for row in rows:
        user, arm = (restored(row[at]).strip() if at < len(row) else "" for at in (users, arms))
        reason = _fault(user, arm.lower())
        if not reason and found.setdefault(user, arm.lower()) != arm.lower():
            twofold.add(user)
            reason = "the user is in both arms"
        if reason:
            count += 1
            if count <= KEPT_BAD_ROWS:
                bad.append(BadRow(rows.line_num, reason))
    return UploadedArms({user: arm for user, arm in found.items() if user not in twofold}, bad, count)


def _places(header: list[str]) -> tuple[int, int]:
    names = columns_of(header)
    if USER not in names or ARM not in names:
        raise WrongFormat(
            f"The first line names {names or 'no columns'} and not `{USER}` and `{ARM}`. "
            "Give the list a first line with these names."
        )
    return names.index(USER), names.index(ARM)


def _fault(user: str, arm: str) -> str:
    if not user:
        return "no user_id"
    if len(user) > MAX_ID_LENGTH:
        return f"a user_id of over {MAX_ID_LENGTH} characters"
    return "" if arm in ARMS else "an arm that is neither treated nor control"
