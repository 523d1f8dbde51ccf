"""What both stores keep of an experiment: which one is on, its arms in the prediction log, its shadows beside it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from propensity.store import Experiment, Prediction, Store, Trial, open_store
from propensity.store.sqlite.schema import MIGRATIONS

EXPERIMENT = Experiment(
    number=7,
    mode="canary",
    challenger="2@sha256:two",
    champion="1@sha256:one",
    seed=2**31,
    share=0.05,
    stage=1,
    started_at=2**50,
    stage_at=2**50 + 1,
)


def prediction(
    number: int, *, user: str = "ann", arm: str | None = None, route: str = "predict"
) -> Prediction:
    return Prediction(
        prediction_id=f"p{number:03d}", user_id=user, predicted_at=number, probability=0.5, prediction=1,
        threshold=0.5, model_version="1", features_from="store", feature_version=1, features=b"\x00",
        latency_us=1, pod="pod", sequence=number, boot="b", route=route, arm=arm,
    )  # fmt: skip


def test_there_is_one_experiment_or_none(store: Store) -> None:
    assert store.experiments.current() is None
    store.experiments.set_current(None)
    for share in (0.05, 0.25):
        experiment = msgspec.structs.replace(EXPERIMENT, share=share)
        store.experiments.set_current(experiment)
        assert store.experiments.current() == experiment
    store.experiments.set_current(None)
    assert store.experiments.current() is None


def test_a_process_overwrites_what_it_reported_and_nobody_elses(store: Store) -> None:
    first = Trial(number=7, boot="b1", pod="p1", at=1, answered=10)
    other = Trial(number=7, boot="b2", pod="p2", at=1, deaths=3, given_up="It died three times.")
    for trial in (other, first, Trial(number=8, boot="b1", pod="p1", at=1)):
        store.experiments.report(trial)
    assert store.experiments.trials(7) == [first, other]
    later = msgspec.structs.replace(first, at=2, answered=20, unsound=1)
    store.experiments.report(later)
    store.experiments.report(later)
    assert store.experiments.trials(7) == [later, other]
    assert store.experiments.trials(9) == []


def test_an_arms_answers_are_found_newest_first(store: Store) -> None:
    arms = [None, "champion", "challenger"]
    made = [prediction(number, arm=arms[number % 3]) for number in range(12)]
    store.predictions.add(made)
    assert store.predictions.of_arm("challenger", since=3, limit=10) == [made[11], made[8], made[5]]
    assert store.predictions.of_arm("champion", since=0, limit=2) == [made[10], made[7]]
    assert store.predictions.of_arm("champion", since=0, limit=0) == []
    assert store.predictions.latest(12) == made[::-1]


def test_a_user_of_an_arm_counts_from_the_first_answer(store: Store) -> None:
    store.predictions.add(
        [
            prediction(1, user="ann", arm="challenger"),
            prediction(5, user="ann", arm="challenger"),
            prediction(7, user="ann", arm="challenger"),
            prediction(6, user="bob", arm="challenger"),
            prediction(6_0, user="cid", arm="champion"),
            prediction(8, user="dan"),
        ]
    )
    assert store.predictions.first_answers("challenger", since=2, until=100) == {"ann": 5, "bob": 6}
    assert store.predictions.first_answers("challenger", since=2, until=6) == {"ann": 5}
    assert store.predictions.first_answers("champion", since=0, until=61) == {"cid": 60}


def test_no_reader_of_answers_meets_a_shadow(store: Store) -> None:
    answer, shadow = prediction(5), prediction(5, route="shadow")
    store.predictions.add([answer])
    assert store.shadows.add([shadow, shadow]) == 1
    assert store.shadows.add([shadow]) == 0
    assert store.predictions.latest(5) == [answer]
    assert (store.predictions.count(), store.shadows.count()) == (1, 1)
    assert store.predictions.histogram(since=0, until=10, width=10) == [1]
    assert store.shadows.latest(5) == [shadow]
    assert store.shadows.histogram(since=0, until=10, width=5) == [0, 1]


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """A file as the release before experiments left it, with one answer in it."""
    path = tmp_path / "old.db"
    fields = msgspec.structs.asdict(prediction(1))
    del fields["arm"]
    with closing(sqlite3.connect(path)) as connection:
        for migration in MIGRATIONS[:3]:
            for statement in migration:
                connection.execute(statement)
        connection.execute("PRAGMA user_version = 3")
        marks = ", ".join("?" * len(fields))
        connection.execute(
            f"INSERT INTO predictions ({', '.join(fields)}) VALUES ({marks})",  # noqa: S608
            tuple(fields.values()),
        )
        connection.commit()
    return path


def test_a_file_of_the_release_before_is_brought_up_with_its_answers(old_file: Path) -> None:
    with open_store(f"sqlite:///{old_file}") as store:
        store.predictions.add([prediction(2, arm="challenger")])
        assert store.predictions.latest(5) == [prediction(2, arm="challenger"), prediction(1)]
        assert store.experiments.current() is None


def test_an_arm_is_read_without_sorting_or_reading_other_answers(old_file: Path) -> None:
    with open_store(f"sqlite:///{old_file}") as store:
        store.ping()
    statement = (
        "SELECT * FROM predictions WHERE arm = ? AND predicted_at >= ? "
        "ORDER BY predicted_at DESC, prediction_id DESC LIMIT ?"
    )
    with closing(sqlite3.connect(old_file)) as connection:
        plan = " ".join(
            row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", ("champion", 0, 9))
        )
    assert "predictions_by_arm (arm=? AND predicted_at>?)" in plan
    assert "TEMP B-TREE" not in plan
