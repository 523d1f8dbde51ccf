"""Overview: what it shows of a running shop, of an empty one, and while everything is away."""

import re
from pathlib import Path
from typing import Any

from tests.dashboard.conftest import OpenPage, texts


def metric(page: Any, label: str) -> Any:
    return next(one for one in page.metric if one.label == label)


def test_a_running_shop_shows_champion_traffic_and_live_quality(shop: Path, open_page: OpenPage) -> None:
    page = open_page("overview", home=shop)
    assert not page.exception
    assert not page.error
    assert metric(page, "Champion").value.startswith("version ")
    live = next(one for one in page.metric if one.label.startswith("Live F1, "))
    assert 0 < float(live.value) < 1
    assert re.fullmatch(r"Live F1, (\d\d( \w{3})? to )?\d\d \w{3}", live.label)
    speed = metric(page, "Response time, p95 of 24 h")
    assert speed.value.endswith(" ms")
    assert re.fullmatch(r"95 %: \d+\.\d\d ms to \d+\.\d\d ms", speed.delta)
    assert re.search(
        r"p50 [\d.]+ ms \([\d.]+ ms to [\d.]+ ms\); p95 .+; p99 .+, with 95 % intervals", texts(page)
    )
    assert int(metric(page, "Answers in 24 h").value.replace(",", "")) > 2_000
    assert {"Answers", "Response times", "Live quality", "Champion", "Last decisions"} == {
        one.value for one in page.subheader
    }


def test_every_metric_of_the_champion_has_its_interval_and_its_days(shop: Path, open_page: OpenPage) -> None:
    page = open_page("overview", home=shop)
    table = page.dataframe[0].value
    assert {"f1", "recall", "precision", "roc auc"} <= set(table["metric"])
    assert table.iloc[:, 1].str.fullmatch(r"\d+\.\d{3} \[\d+\.\d{3}, \d+\.\d{3}\]").all()
    assert "Test days: " in texts(page)
    assert "outcomes of" in texts(page)


def test_the_ledger_is_told_newest_first(shop: Path, open_page: OpenPage) -> None:
    numbers = list(open_page("overview", home=shop).dataframe[-1].value["no."])
    assert numbers == sorted(numbers, reverse=True)


def test_an_empty_shop_is_told_what_to_type(tmp_path: Path, open_page: OpenPage) -> None:
    page = open_page("overview", home=tmp_path)
    assert not page.exception
    assert not page.error
    assert metric(page, "Champion").value == "none"
    typed = {one.value for one in page.code}
    assert {"propensity train", "propensity serve", "propensity score\npropensity monitor"} <= typed


def test_a_store_that_is_away_is_a_sentence_in_each_box(
    tmp_path: Path, open_page: OpenPage, broken: dict[str, str]
) -> None:
    page = open_page("overview", home=tmp_path, **broken)
    assert not page.exception
    assert len(page.error) >= 5
    assert all("/proc/nowhere" in one.value and "PROPENSITY" in one.value for one in page.error)
