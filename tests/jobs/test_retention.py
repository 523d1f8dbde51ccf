"""Records are kept as long as it was set, never shorter than something needs them, and dropped in bounded steps."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.monitor import retention
from jobs.monitor.retention import drop_old
from propensity.errors import SettingsError
from propensity.events import Event
from propensity.events.event import DAY
from propensity.events.refusal import refuse
from propensity.keeping import least_days
from propensity.settings import Settings, read_settings
from propensity.store import Contact, Outcome, Prediction, Score, Store, open_store

pytestmark = pytest.mark.usefixtures("settings")
NOW = 1_700_000_000_000_000
DAYS = range(100)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A record of each kind for each of a hundred days."""
    with open_store(f"sqlite:///{tmp_path}/store.db") as opened:
        for day in DAYS:
            fill(opened, at=NOW - day * DAY, name=f"u{day}")
        yield opened


def fill(store: Store, *, at: int, name: str) -> None:
    store.events.add([Event(f"e-{name}", name, "view", at)])
    store.refused.add([refuse(source="s", file="f", line=1, reason="bad_time", raw=name, at=at)])
    prediction = Prediction(
        prediction_id=name, user_id=name, predicted_at=at, probability=0.5, prediction=1, threshold=0.4,
        model_version="1", features_from="store", feature_version=1, features=b"", latency_us=1, pod="p", sequence=1,
        boot="b", route="predict",
    )  # fmt: skip
    store.predictions.add([prediction])
    store.shadows.add([prediction])
    store.scores.add(
        [
            Score(
                user_id=name,
                cutoff=at,
                probability=0.5,
                prediction=1,
                model_version="1",
                feature_version=1,
                features=b"",
            )
        ]
    )
    store.outcomes.add(
        [
            Outcome(
                user_id=name,
                cutoff=at,
                label=0,
                probability=0.5,
                prediction=1,
                model_version="1",
                joined_at=at,
            )
        ]
    )
    store.contacts.add([Contact(list_id="l", user_id=name, arm="treated", probability=0.5, listed_at=at)])


def counts(store: Store) -> dict[str, int]:
    return {
        "events": store.events.summary().events,
        "refused": sum(store.refused.counts().values()),
        "predictions": store.predictions.count(),
        "shadows": store.shadows.count(),
        "scores": sum(store.scores.count(NOW - day * DAY) for day in DAYS),
        "outcomes": sum(store.outcomes.cutoffs(since=0, until=2 * NOW).values()),
        "contacts": len(store.contacts.users("treated", since=0, until=2 * NOW)),
    }


def days(**given: int) -> Settings:
    return read_settings(**{f"{name}_retention_days": value for name, value in given.items()})


ALL = {"event": 60, "refused": 50, "prediction": 40, "score": 30, "outcome": 20, "contact": 25}


def test_nothing_is_dropped_unless_it_was_set(store: Store, settings: Settings) -> None:
    assert drop_old(store, settings=settings, watermark=NOW, now=NOW + 999 * DAY) == {}
    assert set(counts(store).values()) == {100}


def test_what_is_older_goes_and_the_rest_stays(store: Store) -> None:
    dropped = drop_old(store, settings=days(**ALL), watermark=NOW, now=NOW)
    assert counts(store) == {
        "events": 61, "refused": 51, "predictions": 41, "shadows": 41, "scores": 31, "outcomes": 21, "contacts": 26,
    }  # fmt: skip
    assert dropped == {name: 100 - count for name, count in counts(store).items()}
    assert drop_old(store, settings=days(**ALL), watermark=NOW, now=NOW) == {}
    assert store.events.add([Event("e-u99", "u99", "view", NOW)]).inserted == 1, "Its id is free again."


def test_a_feed_that_stopped_costs_no_event_that_the_newest_model_was_made_of(store: Store) -> None:
    assert drop_old(store, settings=days(event=60, score=30), watermark=NOW, now=NOW + 999 * DAY) == {
        "events": 39, "scores": 69,
    }  # fmt: skip


def test_a_run_drops_a_bounded_number(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 7)
    monkeypatch.setattr(retention, "STEPS", 3)
    settings = days(event=60, outcome=20)
    assert drop_old(store, settings=settings, watermark=NOW, now=NOW) == {"events": 21, "outcomes": 21}
    assert drop_old(store, settings=settings, watermark=NOW, now=NOW) == {"events": 18, "outcomes": 21}


@pytest.mark.parametrize("kind", ["event", "refused", "prediction", "score", "outcome", "contact"])
def test_days_that_something_needs_are_refused_with_the_least_there_may_be(kind: str) -> None:
    least, _ = least_days(read_settings())[f"{kind}_retention_days"]
    assert getattr(days(**{kind: least}), f"{kind}_retention_days") == least
    with pytest.raises(
        SettingsError, match=f"PROPENSITY_{kind.upper()}_RETENTION_DAYS is 1, but .* at least {least}, or"
    ):
        days(**{kind: 1})


def test_predictions_are_kept_for_as_long_as_an_ab_may_run() -> None:
    least, _ = least_days(read_settings(experiment_mode="ab"))["prediction_retention_days"]
    assert least == 33
    with pytest.raises(SettingsError, match="counting the users of an A/B"):
        read_settings(experiment_mode="ab", prediction_retention_days=least - 1)
    assert read_settings(experiment_mode="canary", prediction_retention_days=2).prediction_retention_days == 2


def test_what_a_training_needs_grows_with_its_cutoffs() -> None:
    usual, _ = least_days(read_settings())["event_retention_days"]
    more, _ = least_days(read_settings(max_cutoffs=120, burn_in_days=40))["event_retention_days"]
    assert (usual, more) == (44, 67)
