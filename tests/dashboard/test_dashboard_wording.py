"""Times in the viewer's zone and in UTC, on texts and axes; windows that can be told apart; pictures that are light."""

import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from dashboard import charts, drift, tables, wording
from propensity.events.event import DAY, HOUR

NOON = 1_795_867_200_000_000
"""28 November 2026, 12:00 UTC."""
PICTURES = Path(__file__).parents[2] / "docs" / "dashboard"


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording.st, "context", SimpleNamespace(timezone="Europe/Berlin"))


@pytest.mark.usefixtures("berlin")
def test_a_time_is_told_by_the_viewers_clock_and_in_utc() -> None:
    assert wording.when(NOON) == "28 Nov 2026 13:00 CET (12:00 UTC)"
    assert wording.when(NOON + 11 * HOUR) == "29 Nov 2026 00:00 CET (28 Nov 23:00 UTC)"


@pytest.mark.usefixtures("berlin")
def test_an_axis_of_time_says_whose_clock_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "now", lambda: NOON)
    assert charts.time_axis().to_dict()["title"] == "CET (UTC+1 h)"
    monkeypatch.setattr(wording.st, "context", SimpleNamespace(timezone="Nowhere/Land"))
    assert charts.time_axis().to_dict()["title"] == "UTC"


def test_windows_shorter_than_a_day_are_told_apart() -> None:
    assert drift.ends_of([NOON, NOON - DAY]) == ["28 Nov", "27 Nov"]
    assert drift.ends_of([NOON, NOON - 6 * HOUR]) == ["28 Nov 12:00", "28 Nov 06:00"]


def test_days_fit_a_card() -> None:
    assert wording.days(NOON - 7 * DAY, NOON) == "21 to 28 Nov"
    assert wording.days(NOON - 28 * DAY, NOON) == "31 Oct to 28 Nov"
    assert wording.days(NOON, NOON + HOUR) == "28 Nov"


def test_a_tables_cells_run_nothing_and_our_own_numbers_stay() -> None:
    texts = ["=1+1", "-", "-0.12 [-0.20, 0.10]", "+3", "@x", "ann", "- not a number"]
    shown = tables.harmless(pd.DataFrame({"text": texts, "number": range(7)}))
    assert shown["text"].tolist() == [
        "'=1+1",
        "-",
        "-0.12 [-0.20, 0.10]",
        "+3",
        "'@x",
        "ann",
        "'- not a number",
    ]
    assert shown["number"].tolist() == list(range(7))


def test_each_page_has_one_light_picture() -> None:
    config = (PICTURES.parents[1] / "dashboard" / ".streamlit" / "config.toml").read_text()
    assert re.search(r"^disableDataExport = true$", config, re.MULTILINE)
    names = {"business", "data", "model", "operations", "overview", "users-to-target"}
    sizes = {path.stem: path.stat().st_size for path in PICTURES.glob("*.png")}
    assert sizes.keys() == names
    assert len(list((PICTURES.parents[1] / "dashboard" / "views").glob("[!_]*.py"))) == len(names)
    assert max(sizes.values()) < 300_000
