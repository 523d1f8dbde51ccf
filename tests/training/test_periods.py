"""Periods never share a purchase, whatever the log's length and the settings."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from propensity.errors import UnusableTrainingData
from propensity.events.event import DAY, HOUR, MICROS
from propensity.settings import Settings, read_settings
from training import periods
from training.periods import Plan

FIRST = 1_511_539_200 * MICROS


def _settings(**given_settings: object) -> Settings:
    return read_settings(workers=2, **given_settings)


def _plan(days: float, **given_settings: object) -> Plan:
    return periods.plan(FIRST, FIRST + round(days * DAY), settings=_settings(**given_settings))


@given(
    days=st.floats(0.1, 400),
    stride=st.integers(1, 48),
    lateness=st.floats(0, 72),
    burn_in=st.integers(1, 90),
    most=st.integers(4, 120),
)
@hypothesis_settings(max_examples=200, deadline=None)
def test_label_windows_of_different_periods_never_overlap(
    days: float, stride: int, lateness: float, burn_in: int, most: int
) -> None:
    try:
        plan = _plan(
            days, cutoff_stride_hours=stride, lateness_hours=lateness, burn_in_days=burn_in, max_cutoffs=most
        )
    except UnusableTrainingData:
        return
    assert all(plan.periods[name] for name in periods.NAMES)
    assert plan.cutoffs == sorted(set(plan.cutoffs))
    for earlier, later in itertools.pairwise(periods.NAMES):
        assert plan.periods[later][0] - plan.periods[earlier][-1] >= DAY
    assert plan.cutoffs[0] >= FIRST + plan.burn_in
    assert plan.cutoffs[-1] + DAY + lateness * HOUR <= FIRST + days * DAY + 1
    assert len(plan.cutoffs) <= most
    folds = periods.folds(plan.periods[periods.FIT])
    assert folds
    for train, test in folds:
        assert train
        assert test
        assert min(test) - max(train) >= DAY
        assert {*train, *test} <= set(plan.periods[periods.FIT])


@given(days=st.floats(8, 400))
@hypothesis_settings(max_examples=50, deadline=None)
def test_every_log_of_eight_days_and_more_has_all_periods(days: float) -> None:
    assert set(_plan(days).periods) == set(periods.NAMES)


def test_nine_days_begin_after_a_quarter_and_the_card_will_say_so() -> None:
    plan = _plan(9)
    assert plan.burn_in == 9 * DAY // 4
    assert plan.cutoffs[0] - FIRST < 3 * DAY
    assert "9.0 days" in plan.warnings[0]


def test_sixty_days_keep_the_whole_burn_in_without_a_warning() -> None:
    plan = _plan(60)
    assert plan.burn_in == 30 * DAY
    assert plan.warnings == ()
    assert plan.cutoffs[-1] >= FIRST + 58 * DAY


def test_a_long_log_takes_its_newest_days_and_cutoffs_at_every_hour() -> None:
    plan = _plan(365)
    assert 50 <= len(plan.cutoffs) <= 60
    assert plan.cutoffs[-1] >= FIRST + 363 * DAY
    assert plan.cutoffs[0] > FIRST + 300 * DAY
    hours = {datetime.fromtimestamp(cutoff / MICROS, UTC).hour for cutoff in plan.cutoffs}
    assert len(hours) == 24


def test_half_of_a_long_log_is_fitted_on_and_a_quarter_tested_on() -> None:
    sizes = {name: len(cutoffs) for name, cutoffs in _plan(120).periods.items()}
    total = sum(sizes.values())
    assert sizes["fit"] == pytest.approx(total / 2, abs=2)
    assert sizes["test"] == pytest.approx(total / 4, abs=1)


@pytest.mark.parametrize("days", [0.01, 1, 3, 5])
def test_a_log_of_a_few_days_is_refused_with_what_to_do(days: float) -> None:
    with pytest.raises(UnusableTrainingData, match=r"at least 8 days") as refused:
        _plan(days)
    assert refused.value.exit_code == 3
