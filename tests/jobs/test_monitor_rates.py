"""The verdict on simulated shops, in brief; tests/verify holds it to the rates that docs/drift.md promises."""

import pytest

from propensity.simulate import Drift
from tests.verify.rates import alarms, fires
from tests.verify.shop import Shop


@pytest.mark.slow
def test_windows_without_drift_ask_for_no_training() -> None:
    rate = alarms(Shop(users=700, windows=9, seed=1))
    assert rate.hits <= 2, rate  # at 5 % a window, more than 2 of 9 come once in a hundred times


@pytest.mark.slow
def test_a_drift_of_full_strength_is_found_within_3_windows() -> None:
    assert fires(Shop(users=1_000, windows=3, seed=1, drift=Drift.MIX)).hits == 1
