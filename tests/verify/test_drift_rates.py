"""The promises of docs/drift.md in full, at the default settings; `make verify-full` runs them, in about half an hour."""

import pytest

from tests.verify.rates import SMALLEST, UNDRIFTED, alarms, fires, total


@pytest.mark.timeout(7_200)
def test_of_200_windows_without_drift_at_most_5_percent_ask_for_a_training() -> None:
    rate = total(alarms, UNDRIFTED, runs=10)
    assert rate.of == 200
    assert rate.hits <= 10, rate


@pytest.mark.timeout(7_200)
def test_the_smallest_drift_that_the_docs_name_is_found_within_3_windows_in_90_of_100_runs() -> None:
    rate = total(fires, SMALLEST, runs=100)
    assert rate.hits >= 90, rate
