"""Overview: what it shows of a running shop, of an empty one, and while everything is away."""

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
    assert 0 < float(metric(page, "Live F1").value) < 1
    assert metric(page, "Response time, p95").value.endswith(" ms")
    assert "p50" in metric(page, "Response time, p95").delta
    assert int(metric(page, "Answers in 24 h").value.replace(",", "")) > 2_000
    assert {"Requests", "Response times", "Live quality", "Champion", "Last decisions"} == {
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
