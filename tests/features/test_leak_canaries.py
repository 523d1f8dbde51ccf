"""Features are blind to what comes after the cutoff, and the check that says so sees a planted leak."""

import random
from collections.abc import Callable, Sequence

import polars as pl
import pytest

from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.features.definition import LABEL_WINDOW
from propensity.features.offline import labels, snapshots, to_frame
from propensity.features.online import features_of

CUTOFF = 1_512_043_200_000_000
"""12:00 UTC on 30 November 2017, inside the Taobao log."""
Features = Callable[[Sequence[Event]], object]


def changed_futures(events: Sequence[Event]) -> dict[str, list[Event]]:
    """The same past with other futures: none, one whose users, types and times are shuffled, one learned of late."""
    draw = random.Random(7)  # noqa: S311
    past = [event for event in events if event.event_time < CUTOFF]
    future = [event for event in events if event.event_time >= CUTOFF]
    columns = [list(column) for column in zip(*future, strict=True)]
    for column in columns[1:]:
        draw.shuffle(column)
    shuffled = [Event(*values) for values in zip(*columns, strict=True)]
    late = [event._replace(event_id=f"late{event.event_id}", event_time=event.event_time - 5 * DAY, ingested_at=CUTOFF + 1) for event in future]  # fmt: skip
    return {"removed": past, "shuffled": past + shuffled, "learned of late": past + future + late}


def check_blind_to_the_future(features: Features, events: Sequence[Event]) -> None:
    """Fail where features at CUTOFF depend on events that happened, or were learned of, after it."""
    assert any(event.event_time >= CUTOFF for event in events)
    seen = features(events)
    for change, other in changed_futures(events).items():
        assert features(other) == seen, f"the future {change} changes the features"


def offline(events: Sequence[Event]) -> list[tuple[object, ...]]:
    return snapshots(to_frame(events), [CUTOFF], lag=0).rows()


def with_planted_label(events: Sequence[Event]) -> list[tuple[object, ...]]:
    frame = to_frame(events)
    rows = snapshots(frame, [CUTOFF], lag=0)
    return rows.with_columns(planted=labels(frame, rows)["label"]).rows()


def with_late_cutoff(events: Sequence[Event]) -> list[tuple[object, ...]]:
    return snapshots(to_frame(events), [CUTOFF + HOUR], lag=0).rows()


def test_the_offline_form_is_blind_to_the_future(real_events: list[Event]) -> None:
    check_blind_to_the_future(offline, real_events)


def test_the_online_form_is_blind_to_what_happens_after_the_cutoff(real_events: list[Event]) -> None:
    busiest = max(("1", "100", "1000"), key=[event.user_id for event in real_events].count)
    history = [event for event in real_events if event.user_id == busiest]
    known = {
        change: events for change, events in changed_futures(history).items() if change != "learned of late"
    }
    seen = features_of(history, cutoff=CUTOFF)
    assert [features_of(events, cutoff=CUTOFF) for events in known.values()] == [seen, seen]


@pytest.mark.parametrize("leaking", [with_planted_label, with_late_cutoff])
def test_a_feature_planted_from_the_label_window_is_caught(
    leaking: Features, real_events: list[Event]
) -> None:
    with pytest.raises(AssertionError, match="the future removed changes the features"):
        check_blind_to_the_future(leaking, real_events)


def test_a_label_is_a_purchase_from_the_cutoff_until_a_day_later() -> None:
    bought = {
        "at the cutoff": 0,
        "at the last instant": LABEL_WINDOW - 1,
        "a day later": LABEL_WINDOW,
        "just before": -1,
    }
    events = [Event(user, user, "purchase", CUTOFF + after) for user, after in bought.items()]
    events += [
        Event("c", "only carts", "cart", CUTOFF),
        Event("l", "known late", "purchase", CUTOFF, ingested_at=CUTOFF + 9 * DAY),
        Event("p", "before and after", "purchase", CUTOFF - DAY),
        Event("q", "before and after", "purchase", CUTOFF + HOUR),
    ]
    users = [*bought, "only carts", "known late", "before and after", "never seen"]
    rows = pl.DataFrame({"user_id": users[::-1], "cutoff": [CUTOFF] * len(users)})
    answer = labels(to_frame(events), rows)
    assert answer.schema == {"user_id": pl.String, "cutoff": pl.Int64, "label": pl.Int8}
    assert answer.select("user_id", "cutoff").equals(rows)
    assert dict(answer.select("user_id", "label").rows()) == dict(
        zip(users, [1, 1, 0, 0, 0, 1, 1, 0], strict=True)
    )


def test_labels_follow_each_rows_own_cutoff() -> None:
    events = to_frame([Event("1", "u", "purchase", CUTOFF), Event("2", "u", "purchase", CUTOFF + 3 * DAY)])
    cutoffs = [CUTOFF + days * DAY for days in (3, -2, 0, 1, -1, 2)]
    rows = pl.DataFrame({"user_id": ["u"] * 6, "cutoff": cutoffs})
    assert labels(events, rows)["label"].to_list() == [1, 0, 1, 0, 0, 0]
    assert labels(to_frame([]), rows)["label"].to_list() == [0] * 6
