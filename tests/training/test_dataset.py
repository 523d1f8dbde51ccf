"""What a training set is read from and what is refused, with exit code 3 and a sentence."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from propensity.errors import UnusableTrainingData
from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.features.definition import NAMES
from propensity.settings import Settings, read_settings
from propensity.store import Store, open_store
from training import dataset, periods
from training.dataset import TrainingSet
from training.rows import Collector
from training.window import Window, find_window

START = 1_700_000_000 // 3_600 * HOUR
NOW = START + 400 * DAY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def _log(*, users: int, days: int, buys: Callable[[int], bool]) -> Iterator[Event]:
    """Everybody views something every eight hours; who buys does so once a day."""
    for user in range(users):
        for step in range(days * 3):
            time = START + step * 8 * HOUR + user * 60_000_000
            yield Event(f"{user}-{step}", f"u{user}", "view", time, f"p{step}", "c")
            if buys(user) and step % 3 == 1:
                yield Event(f"{user}-{step}-buy", f"u{user}", "purchase", time + HOUR, f"p{step}", "c")


def _refusal(store: Store, settings: Settings) -> str:
    with pytest.raises(UnusableTrainingData) as refused:
        dataset.build(store, settings, now=NOW)
    assert refused.value.exit_code == 3
    return str(refused.value)


def test_an_empty_store_is_refused(store: Store, settings: Settings) -> None:
    assert "holds no events" in _refusal(store, settings)


def test_a_log_of_a_day_is_refused(store: Store, settings: Settings) -> None:
    store.events.add(_log(users=60, days=1, buys=lambda user: user % 3 == 0))
    assert "Ingest at least 8 days" in _refusal(store, settings)


def test_three_users_are_refused(store: Store, settings: Settings) -> None:
    store.events.add(_log(users=3, days=12, buys=lambda user: user == 0))
    assert "3 active users" in _refusal(store, settings)


def test_a_log_without_purchases_is_refused(store: Store, settings: Settings) -> None:
    store.events.add(_log(users=60, days=12, buys=lambda _: False))
    assert "ingested as `purchase`" in _refusal(store, settings)


def test_a_log_of_buyers_only_is_refused(store: Store, settings: Settings) -> None:
    store.events.add(_log(users=60, days=12, buys=lambda _: True))
    assert "nobody to tell buyers from" in _refusal(store, settings)


def test_a_usable_log_gives_rows_of_each_period_in_order(store: Store, settings: Settings) -> None:
    store.events.add(_log(users=60, days=12, buys=lambda user: user % 3 == 0))
    made = dataset.build(store, settings, now=NOW)
    assert list(made.rows) == list(periods.NAMES)
    for name, rows in made.rows.items():
        assert set(rows.cutoffs.tolist()) == set(made.plan.periods[name])
        assert rows.features.shape == (len(rows), len(NAMES))
        assert rows.features.dtype == np.float32
        assert 0 < rows.positives < len(rows)
    assert made.test.positives == len(made.test) // 3
    assert made.window.events == 60 * 36 + 20 * 12
    again = dataset.build(store, settings, now=NOW)
    assert again.digest == made.digest


def test_one_more_event_is_another_digest(store: Store, settings: Settings) -> None:
    store.events.add(_log(users=60, days=12, buys=lambda user: user % 3 == 0))
    before = dataset.build(store, settings, now=NOW).digest
    store.events.add([Event("new", "u1", "cart", START + 5 * DAY, "p", "c")])
    assert dataset.build(store, settings, now=NOW).digest != before


def test_events_with_wrong_clocks_move_neither_end(store: Store) -> None:
    store.events.add(_log(users=60, days=60, buys=lambda user: user % 3 == 0))
    store.events.add(
        [
            Event("old", "u1", "view", START - 900 * DAY, "p", "c"),
            Event("late", "u1", "view", START + 200 * DAY, "p", "c"),
        ]
    )
    window = find_window(store.events, now=NOW)
    assert abs(window.first - START) <= 12 * HOUR
    assert abs(window.last - (START + 60 * DAY)) <= 12 * HOUR
    assert "wrong clocks" in window.warnings[0]


def test_the_newest_events_of_a_clean_log_all_count(store: Store) -> None:
    store.events.add(_log(users=60, days=12, buys=lambda user: user % 3 == 0))
    last = store.events.summary().last_time
    assert find_window(store.events, now=NOW).last == last
    assert find_window(store.events, now=START + 10 * DAY).last == START + 10 * DAY


def _thinned(frames: list[pl.DataFrame], cutoffs: list[int], limit: int) -> Collector:
    collector = Collector(cutoffs, limit=limit, seed=3)
    for frame in frames:
        collector.add(frame)
    return collector


def test_thinning_keeps_whole_users_whatever_order_they_come_in(
    make_rows: Callable[..., pl.DataFrame],
) -> None:
    cutoffs = [START + day * DAY for day in range(10)]
    frame = make_rows(cutoffs, users=400)
    chunks = frame.partition_by("user_id")
    forward, backward = _thinned(chunks, cutoffs, 1_500), _thinned(chunks[::-1], cutoffs, 1_500)
    kept = forward.rows()
    assert kept.frame.equals(backward.rows().frame)
    assert forward.seen == 4_000
    assert 1_300 < len(kept) <= 1_500
    assert kept.frame.group_by("user_id").len()["len"].unique().to_list() == [10]


def test_a_thinned_set_says_so(make_set: Callable[..., TrainingSet], quick: Settings) -> None:
    few = read_settings(**{**quick.model_dump(), "max_training_rows": 2_000})
    made = make_set(settings=few, users=300)
    assert len(made.fit) <= 2_000
    assert any("whole users drawn by a seeded hash" in warning for warning in made.warnings)


@pytest.mark.parametrize("name", periods.NAMES)
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_in_any_period_is_refused(
    name: str, label: int, make_rows: Callable[..., pl.DataFrame], quick: Settings
) -> None:
    plan = periods.plan(START, START + 30 * DAY, settings=quick)
    frame = make_rows(plan.cutoffs).with_columns(
        pl.when(pl.col("cutoff").is_in(plan.periods[name]))
        .then(pl.lit(label, dtype=pl.Int8))
        .otherwise("label")
        .alias("label")
    )
    window = Window(first=START, last=START + 30 * DAY, events=1)
    with pytest.raises(UnusableTrainingData, match=f"In the {name} days"):
        dataset.assemble([frame], plan=plan, window=window, lag=0, settings=quick)
