"""What every store counts for a page that has to open at once: answers by time, scores and outcomes by probability."""

import msgspec

from propensity.store import Outcome, Prediction, Score, Store, Timed

PREDICTION = Prediction(
    prediction_id="p", user_id="ann", predicted_at=0, probability=0.1, prediction=1, threshold=0.1, model_version="3",
    features_from="store", feature_version=1, features=b"", latency_us=350, pod="pod-1", sequence=1, boot="b",
    route="predict",
)  # fmt: skip


def score(user_id: str, probability: float = 0.5, *, cutoff: int = 100) -> Score:
    return Score(
        user_id=user_id, cutoff=cutoff, probability=probability, prediction=1, model_version="3", feature_version=1,
        features=b"\x01\x02",
    )  # fmt: skip


def outcome(user_id: str, probability: float, *, label: int = 0, cutoff: int = 100) -> Outcome:
    return Outcome(
        user_id=user_id, cutoff=cutoff, label=label, probability=probability, prediction=1, model_version="3",
        joined_at=1,
    )  # fmt: skip


def test_answers_are_counted_by_stretches_of_time(store: Store) -> None:
    times = (9, 10, 19, 20, 41, 44, 45)
    store.predictions.add(
        [
            msgspec.structs.replace(PREDICTION, prediction_id=str(n), predicted_at=at)
            for n, at in enumerate(times)
        ]
    )
    assert store.predictions.histogram(since=10, until=45, width=10) == [2, 1, 0, 2]
    assert store.predictions.histogram(since=10, until=10, width=10) == []


def test_times_of_single_answers_are_read_by_stretches_the_newest_first(store: Store) -> None:
    answers = (
        (9, 1, "predict"), (10, 2, "predict"), (11, 3, "predict"), (19, 4, "predict"), (19, 900, "batch"),
        (25, 901, "batch"), (31, 5, "predict"), (35, 6, "predict"),
    )  # fmt: skip
    store.predictions.add(
        [
            msgspec.structs.replace(
                PREDICTION, prediction_id=str(n), predicted_at=at, latency_us=micros, route=route
            )
            for n, (at, micros, route) in enumerate(answers)
        ]
    )
    assert store.predictions.times(since=10, until=35, width=10, limit=2) == [
        Timed(10, 3, [4, 3]),
        Timed(30, 1, [5]),
    ]
    assert store.predictions.times(since=100, until=200, width=10, limit=2) == []


def test_scores_of_some_users_are_found_at_their_cutoff(store: Store) -> None:
    users = [f"u{number:04}" for number in range(1_200)]
    store.scores.add(score(user, cutoff=cutoff) for user in (*users, "é", "$gt") for cutoff in (100, 200))
    asked = [*reversed(users), "é", "$gt", "u0000", "nobody"]
    found = store.scores.of_users(100, asked)
    assert [one.user_id for one in found] == sorted({*users, "é", "$gt"}, key=str.encode)
    assert {one.cutoff for one in found} == {100}
    assert store.scores.of_users(100, []) == []


def test_scores_are_counted_between_edges(store: Store) -> None:
    chances = (0.0, 0.1, 0.1, 0.25, 0.5, 1.0)
    store.scores.add(score(f"u{n}", chance) for n, chance in enumerate(chances))
    store.scores.add([score("other", 0.1, cutoff=200)])
    assert store.scores.tally(100, [0.0, 0.1, 0.2, 0.5]) == [1, 2, 1, 2]
    assert store.scores.tally(100, [0.5]) == [2]
    assert store.scores.tally(300, [0.0, 0.5]) == [0, 0]


def test_outcomes_and_buyers_are_counted_between_edges(store: Store) -> None:
    chances = ((0.0, 0), (0.1, 1), (0.1, 0), (0.25, 1), (0.5, 1), (1.0, 0))
    store.outcomes.add(outcome(f"u{n}", chance, label=label) for n, (chance, label) in enumerate(chances))
    store.outcomes.add([outcome("other", 0.1, cutoff=200)])
    assert store.outcomes.tally(100, [0.0, 0.1, 0.2, 0.5]) == [(1, 0), (2, 1), (1, 1), (2, 1)]
    assert store.outcomes.tally(100, [0.5]) == [(2, 1)]
    assert store.outcomes.tally(300, [0.0, 0.5]) == [(0, 0), (0, 0)]


def test_outcomes_of_named_users_are_counted_apart(store: Store) -> None:
    everybody = [f"u{number}" for number in range(40)]
    store.outcomes.add(outcome(user, number / 40, label=number % 2) for number, user in enumerate(everybody))
    edges = [number / 7 for number in range(7)]
    some = ["u0", "u39", "u'3", "nobody", "u20"]
    assert store.outcomes.tally(100, [0.0, 0.5], users=some) == [(1, 0), (2, 1)]
    assert store.outcomes.tally(100, edges, users=[]) == [(0, 0)] * 7
    assert store.outcomes.tally(100, edges, users=everybody) == store.outcomes.tally(100, edges)
    assert sum(users for users, _ in store.outcomes.tally(100, edges)) == 40
