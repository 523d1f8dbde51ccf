"""What the feature tests share: events with few words, and the two forms of the features behind one call."""

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from propensity.events import MICROS, Event
from propensity.features.definition import HISTORY_LIMIT, NAMES
from propensity.features.offline import snapshots, to_frame
from propensity.features.online import default_row, features_of

CUTOFF = 1_709_208_000_000_000
"""12:00 UTC on 29 February 2024."""

Row = dict[str, float]
RowOf = Callable[..., Row]


def known_at(event: Event, *, lag: int) -> int:
    return event.event_time + lag if event.ingested_at is None else event.ingested_at


def online_rows(
    events: Iterable[Event], cutoffs: Sequence[int], *, lag: int = 0, limit: int = HISTORY_LIMIT
) -> dict[tuple[int, str], Row]:
    """The online form for every user and cutoff, told only what was known then."""
    histories: dict[str, list[Event]] = {}
    for event in events:
        histories.setdefault(event.user_id, []).append(event)
    rows = {}
    for cutoff in cutoffs:
        for user_id, history in histories.items():
            known = [event for event in history if known_at(event, lag=lag) <= cutoff]
            row = dict(zip(NAMES, features_of(known, cutoff=cutoff, limit=limit), strict=True))
            if row["active_days_30d"]:
                rows[cutoff, user_id] = row
    return rows


def offline_rows(
    events: Iterable[Event], cutoffs: Sequence[int], *, lag: int = 0, limit: int = HISTORY_LIMIT
) -> dict[tuple[int, str], Row]:
    """The offline form for every user and cutoff."""
    frame = snapshots(to_frame(events), cutoffs, lag=lag, limit=limit)
    return {
        (cutoff, user_id): dict(zip(NAMES, row, strict=True)) for user_id, cutoff, *row in frame.iter_rows()
    }


@pytest.fixture(params=[online_rows, offline_rows], ids=["online", "offline"])
def row_of(request: pytest.FixtureRequest) -> RowOf:
    """One user's row by name, in each of the two forms."""

    def row(events: Iterable[Event], *, cutoff: int = CUTOFF, **options: int) -> Row:
        rows = request.param(list(events), [cutoff], **options)
        assert len(rows) <= 1
        return next(iter(rows.values()), dict(zip(NAMES, default_row(cutoff), strict=True)))

    return row


@pytest.fixture(scope="session")
def both_forms() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The online and the offline form, for tests that compare them."""
    return online_rows, offline_rows


@pytest.fixture(scope="session")
def real_events(taobao_log: Path) -> list[Event]:
    """The whole rows of the Taobao log, read here by hand so that these tests need no ingest."""
    kinds = {"pv": "view", "fav": "favorite", "cart": "cart", "buy": "purchase"}
    with taobao_log.open(newline="") as lines:
        rows = [row for row in csv.reader(lines) if len(row) == 5]
    return [
        Event(str(number), user, kinds[kind], int(time) * MICROS, product, category)
        for number, (user, product, category, kind, time) in enumerate(rows)
    ]


@pytest.fixture
def ago() -> Callable[..., Event]:
    """Make an event of user `u` that happened `age` microseconds before the cutoff."""
    count = iter(range(1_000_000))

    def event(event_type: str, age: int, product: str | None = "p", **given: Any) -> Event:
        given = {"event_id": f"e{next(count):06}", "user_id": "u", **given}
        return Event(event_type=event_type, event_time=CUTOFF - age, product_id=product, **given)

    return event
