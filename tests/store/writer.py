"""A process that writes to a store: the tests start several at once and kill some of them half-way.

writer.py URI add FIRST COUNT     adds events, prints what became of them
writer.py URI hang COUNT          adds events, and never comes to the end of them
writer.py URI flood               adds new events until it is killed
writer.py URI claim COUNT [KEY]   claims ledger numbers, prints them
writer.py URI move SEQUENCE       moves an entry from `open` to `done`, prints whether it did
"""

import itertools
import json
import sys
from collections.abc import Iterable, Iterator

from propensity.events import Event
from propensity.store import Store, open_store


def events(numbers: Iterable[int]) -> Iterator[Event]:
    """Ten events a user; the number is all there is to know about one."""
    for number in numbers:
        yield Event(
            f"e{number:09d}", f"u{number // 10:08d}", "view", 10**15 + number, product_id=str(number % 7)
        )


def endless(count: int) -> Iterator[Event]:
    """Some events, and then a wait that only a kill ends."""
    yield from events(range(count))
    sys.stdin.read()


def run(store: Store, command: str, *arguments: str) -> object:
    match command, arguments:
        case "add", (first, count):
            added = store.events.add(events(range(int(first), int(first) + int(count))))
            return [added.inserted, added.unchanged, len(added.conflicts)]
        case "hang", (count,):
            return store.events.add(endless(int(count))).inserted
        case "flood", ():
            return store.events.add(events(itertools.count(1_000_000))).inserted
        case "claim", (count, *rest):
            key = rest[0] if rest else None
            claims = [
                store.ledger.claim(kind="training", state="open", at=1, reason="a test", key=key)
                for _ in range(int(count))
            ]
            return [claim.sequence for claim in claims if claim]
        case "move", (sequence,):
            moved = store.ledger.move(int(sequence), from_state="open", to_state="done", at=2)
            return moved is not None
    raise SystemExit(__doc__)


if __name__ == "__main__":
    with open_store(sys.argv[1]) as opened:
        sys.stdout.write(json.dumps(run(opened, *sys.argv[2:])))
