"""One monitor run over a store with 10 M events and 1 M predictions stays within 1 GB and 5 minutes on two cores."""

import pytest

from tests.verify.size import PREDICTIONS, measure, sentence, shop_in

GIGABYTE_KIB, LIMIT_SECONDS = 1_000_000, 300
HOURS = 2 * 3_600


@pytest.mark.timeout(HOURS)
def test_a_monitor_run_over_ten_million_events_takes_less_than_a_gigabyte_and_five_minutes(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    found = measure(shop_in(tmp_path_factory.mktemp("large")))
    print(sentence(found))  # noqa: T201 - the figure, as `python -m tests.verify.size` writes it into the docs
    assert found.events >= 10_000_000
    assert found.predictions == PREDICTIONS
    assert found.scores >= 1_000_000
    assert found.window.drift.judged
    assert found.window.performance
    assert found.run.peak_kib <= GIGABYTE_KIB
    assert found.run.seconds <= LIMIT_SECONDS
