"""The drift report as Evidently draws it."""

import logging

import numpy as np
import pytest

from jobs.monitor.drift import report
from jobs.monitor.drift.sample import COLUMNS, Sample


def sample(*, rows: int, seed: int) -> Sample:
    values = np.random.default_rng(seed).normal(size=(rows, len(COLUMNS))).astype(np.float32)
    values[:, 3] = 0.0  # a price that this shop has not
    return Sample(
        users=np.array([f"u{row}" for row in range(rows)]), cutoffs=np.zeros(rows, np.int64), values=values
    )


@pytest.mark.slow
def test_a_report_names_every_column_and_loads_nothing_from_elsewhere() -> None:
    page = report.draw(sample(rows=300, seed=1), sample(rows=300, seed=2), seed=7)
    assert page is not None
    text = page.decode()
    assert all(name in text for name in COLUMNS)
    assert 'src="http' not in text
    assert '<link href="http' not in text


def test_a_report_that_cannot_be_drawn_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> bytes:
        raise ZeroDivisionError("in some library")

    monkeypatch.setattr(report, "_html", fail)
    with caplog.at_level(logging.WARNING):
        assert report.draw(sample(rows=3, seed=1), sample(rows=3, seed=2), seed=7) is None
    assert "no drift report" in caplog.text
