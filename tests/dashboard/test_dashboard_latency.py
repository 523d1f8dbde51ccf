"""Response times: of the whole window, by as many requests as there were, without batches."""

import numpy as np

from dashboard.latency import SAMPLE, STRETCH, speed
from propensity.events.event import HOUR
from propensity.store import Timed


def test_a_busy_stretch_counts_as_much_as_it_was_busy() -> None:
    """Of 10,000 requests 9,900 took 1 ms; a plain mean of the samples would say that half of them took 9 ms."""
    found = speed([Timed(0, 9_900, [1_000] * SAMPLE), Timed(STRETCH, 100, [9_000] * SAMPLE)])
    assert found is not None
    assert found.requests == 10_000
    assert {name: one.value for name, one in found.quantiles.items()} == {
        "p50": 1_000,
        "p95": 1_000,
        "p99": 1_000,
    }


def test_each_percentile_has_an_interval_that_holds_it_and_narrows() -> None:
    chance = np.random.default_rng(3)
    times = chance.lognormal(6, 0.5, 4_000).astype(int).tolist()
    few, many = speed([Timed(0, 40, times[:40])]), speed([Timed(0, 4_000, times)])
    assert few is not None
    assert many is not None
    for name in ("p50", "p95", "p99"):
        assert few.quantiles[name].low <= few.quantiles[name].value <= few.quantiles[name].high
        assert many.quantiles[name].low < many.quantiles[name].value < many.quantiles[name].high
    assert (
        many.quantiles["p50"].high - many.quantiles["p50"].low
        < few.quantiles["p50"].high - few.quantiles["p50"].low
    )


def test_hours_are_drawn_by_themselves_where_there_is_enough() -> None:
    found = speed([Timed(0, 15, [1_000] * 15), Timed(STRETCH, 15, [2_000] * 15), Timed(HOUR, 5, [9_000] * 5)])
    assert found is not None
    assert found.by_hour["quantile"].tolist() == ["p50", "p95", "p99"]
    assert found.by_hour["milliseconds"].tolist() == [1.0, 2.0, 2.0]
    assert found.by_hour["requests"].tolist() == [30, 30, 30]


def test_nothing_answered_is_no_speed() -> None:
    assert speed([]) is None
