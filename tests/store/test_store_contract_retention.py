"""What every store promises of dropping what is too old: what is older only, and no more at once than asked for."""

from collections.abc import Callable

import msgspec
import pytest

from propensity.events import Event
from propensity.events.refusal import refuse
from propensity.store import Contact, Outcome, Prediction, Score, Store
from propensity.store.retention import TIMES, Kept

PREDICTION = Prediction(
    prediction_id="p", user_id="u", predicted_at=0, probability=0.5, prediction=1, threshold=0.4, model_version="1",
    features_from="store", feature_version=1, features=b"", latency_us=1, pod="p", sequence=1, boot="b", route="predict",
)  # fmt: skip


def fill(store: Store, at: int) -> None:
    user = f"u{at}"
    store.events.add([Event(f"e{at}", user, "view", at)])
    store.refused.add([refuse(source="s", file="f", line=at, reason="bad_time", raw="x", at=at)])
    answer = msgspec.structs.replace(PREDICTION, prediction_id=user, predicted_at=at)
    store.predictions.add([answer])
    store.shadows.add([answer])
    score = Score(
        user_id=user,
        cutoff=at,
        probability=0.5,
        prediction=1,
        model_version="1",
        feature_version=1,
        features=b"",
    )
    store.scores.add([score])
    store.outcomes.add(
        [
            Outcome(
                user_id=user,
                cutoff=at,
                label=0,
                probability=0.5,
                prediction=1,
                model_version="1",
                joined_at=1,
            )
        ]
    )
    arm = "treated" if at % 2 else "control"
    store.contacts.add([Contact(list_id="l", user_id=user, arm=arm, probability=0.5, listed_at=at)])


LEFT: dict[Kept, Callable[[Store], list[int]]] = {
    "events": lambda store: sorted(
        one.event_time for part in store.events.scan(since=0, until=99) for one in part
    ),
    "refused": lambda store: sorted(one.refused_at for one in store.refused.latest(99)),
    "predictions": lambda store: sorted(one.predicted_at for one in store.predictions.latest(99)),
    "shadows": lambda store: sorted(one.predicted_at for one in store.shadows.latest(99)),
    "scores": lambda store: sorted(store.scores.cutoffs(99)),
    "outcomes": lambda store: sorted(store.outcomes.cutoffs(since=0, until=99)),
    "contacts": lambda store: sorted(one.listed_at for part in store.contacts.scan("l") for one in part),
}


@pytest.mark.parametrize("kept", TIMES)
def test_what_is_older_is_dropped_in_portions(store: Store, kept: Kept) -> None:
    for at in range(10, 20):
        fill(store, at)
    assert store.retention.drop(kept, before=15, limit=3) == 3
    assert LEFT[kept](store)[-5:] == [15, 16, 17, 18, 19]
    assert store.retention.drop(kept, before=15, limit=3) == 2
    assert store.retention.drop(kept, before=15, limit=3) == 0
    assert LEFT[kept](store) == [15, 16, 17, 18, 19]
    others = [name for name in TIMES if name != kept]
    assert [LEFT[name](store) for name in others] == [list(range(10, 20))] * len(others)


def test_the_id_of_an_event_that_was_dropped_is_free_again(store: Store) -> None:
    event = Event("e", "u", "view", 10)
    store.events.add([event])
    store.retention.drop("events", before=11, limit=9)
    assert store.events.add([event._replace(event_type="cart")]).inserted == 1
