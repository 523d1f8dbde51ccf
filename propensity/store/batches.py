"""Cuts streams into portions of bounded size, so that no store's memory grows with what passes through it.

Both stores share these, which is why they split users and sizes alike.
"""

from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from typing import Final, TypeVar

from propensity.events import Event
from propensity.events.text import END, HEADER
from propensity.store.records import EventText, UserRange

PIECE_BYTES: Final = 8 * 2**20
"""Half of what a MongoDB document may hold, so that its other fields always fit."""
EVERYONE: Final = UserRange()
_T = TypeVar("_T")


def batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Yield lists of `size` items; the last one may be shorter."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def whole_users(blocks: Iterable[list[Event]]) -> Iterator[list[Event]]:
    """Yield the events of blocks ordered by user, cut anew so that no user is split over two lists."""
    held: list[Event] = []
    for block in blocks:
        if cut := _end_of_whole_users(held, before=block[0]):
            yield held[:cut]
            held = held[cut:]
        held += block
    if held:
        yield held


def texts(histories: Iterable[str], *, chunk_rows: int) -> Iterator[EventText]:
    """Gather the texts of single users into larger ones, never splitting one."""
    held, rows = [HEADER], 0
    for history in histories:
        size = history.count(END) + 1
        if rows and rows + size > chunk_rows:
            yield EventText(END.join(held), rows)
            held, rows = [HEADER], 0
        held.append(history)
        rows += size
    if rows:
        yield EventText(END.join(held), rows)


def equal_ranges(sizes: Iterable[tuple[str, int]], *, total: int, count: int) -> list[UserRange]:
    """Split users, given in order with their number of events, into at most `count` ranges of about equal size."""
    share = max(total / max(count, 1), 1)
    starts: list[str] = []
    seen = 0
    for user_id, events in sizes:
        if len(starts) < count - 1 and seen >= share * (len(starts) + 1):
            starts.append(user_id)
        seen += events
    return [UserRange(first, end) for first, end in pairwise([None, *starts, None])]


def pieces(content: bytes) -> list[bytes]:
    """Cut a file's content into pieces of PIECE_BYTES; an empty file is one empty piece."""
    return [content[at : at + PIECE_BYTES] for at in range(0, len(content), PIECE_BYTES)] or [b""]


def _end_of_whole_users(events: list[Event], *, before: Event) -> int:
    """Return where the last user starts who may go on in `before`; compared for equality alone, not for order."""
    cut = len(events)
    while cut and events[cut - 1].user_id == before.user_id:
        cut -= 1
    return cut
