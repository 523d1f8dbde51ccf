"""The drift report for people, drawn by Evidently; the one module that knows it.

It decides nothing: on retail data without drift Evidently's defaults flag some column in a quarter to all of the
windows (docs/drift.md). A report that can't be drawn is a warning, for a picture must not stop a decision.
"""

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from jobs.monitor.drift.sample import COLUMNS, Sample

logger = logging.getLogger(__name__)

ROWS: Final = 5_000
"""Of each side: more take seconds longer and draw the same picture."""


def draw(window: Sample, reference: Sample, *, seed: int) -> bytes | None:
    """Return a page of HTML that works offline, or None where it could not be drawn."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Evidently's own, about columns that never change
            return _html(_frame(window, seed=seed), _frame(reference, seed=seed))
    except Exception as error:  # noqa: BLE001 - its exceptions have no ancestor of their own, see the docstring
        logger.warning("no drift report", extra={"why": f"{type(error).__name__}: {error}"})
        return None


def _html(current: pd.DataFrame, reference: pd.DataFrame) -> bytes:
    # Imported here: it takes five seconds and 300 MB, and a window without scores has no report.
    from evidently import Report  # type: ignore[import-untyped]  # noqa: PLC0415
    from evidently.presets import DataDriftPreset  # type: ignore[import-untyped]  # noqa: PLC0415

    drawn = Report([DataDriftPreset()]).run(current, reference)  # the current data come first
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        drawn.save_html(str(path))
        return path.read_bytes()


def _frame(sample: Sample, *, seed: int) -> pd.DataFrame:
    rows = np.arange(len(sample))
    if len(rows) > ROWS:
        rows = np.random.default_rng(seed).choice(len(rows), size=ROWS, replace=False)
    return pd.DataFrame(sample.values[rows], columns=list(COLUMNS)).astype(np.float64)
