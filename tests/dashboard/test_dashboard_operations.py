"""Operations: the buttons write requests and nothing else, and what is under way can be watched."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from propensity.lifecycle import requests
from propensity.store import open_store
from tests.dashboard.conftest import OpenPage, texts


def stored(home: Path) -> Any:
    return open_store(f"sqlite:///{home}/store.db")


def button(page: Any, label: str) -> Any:
    return next(one for one in page.button if one.label == label)


@pytest.fixture
def home(shop: Path, tmp_path: Path) -> Path:
    """A copy of the shop, to write into."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("store.db", "mlflow.db"):
        shutil.copy(shop / name, copy / name)
    return copy


def test_retrain_now_writes_a_request_that_the_page_then_follows(home: Path, open_page: OpenPage) -> None:
    page = open_page("operations", home=home)
    assert not page.exception
    page.text_input[0].set_value("the summer collection is out")
    button(page, "Retrain now").click().run()
    with stored(home) as store:
        (entry,) = requests.open_requests(store)
    assert entry.evidence["action"] == "retrain"
    assert entry.reason == "the summer collection is out (laptop)"
    assert f"Ledger entry {entry.sequence}" in page.success[0].value
    page.run()
    assert any(entry.reason == one.value for one in page.text)


def test_what_is_asked_again_while_it_waits_is_one_request(home: Path, open_page: OpenPage) -> None:
    page = open_page("operations", home=home)
    for _ in range(2):
        page.text_input[0].set_value("the summer collection is out")
        button(page, "Retrain now").click().run()
        assert not page.error
        assert "Ledger entry" in page.success[0].value
    assert not page.text_input[0].value
    with stored(home) as store:
        (first,) = requests.open_requests(store)
        requests.answer(first, requests.DONE, result="training 3", store=store, clock=lambda: first.at + 1)
    page.text_input[0].set_value("the summer collection is out")
    button(page, "Retrain now").click().run()
    with stored(home) as store:
        (second,) = requests.open_requests(store)
    assert second.sequence > first.sequence


def test_a_request_needs_a_reason(home: Path, open_page: OpenPage) -> None:
    page = open_page("operations", home=home)
    button(page, "Retrain now").click().run()
    assert "Say why" in page.error[0].value
    with stored(home) as store:
        assert requests.open_requests(store) == []


@pytest.mark.parametrize(("label", "action"), [("Promote", "promote"), ("Roll back", "roll back")])
def test_who_answers_is_only_changed_after_a_tick(
    home: Path, open_page: OpenPage, label: str, action: str
) -> None:
    page = open_page("operations", home=home)
    place = {"Promote": 1, "Roll back": 2}[label]
    page.text_input[place].set_value("it sees nonsense")
    button(page, label).click().run()
    assert "tick" in page.error[0].value
    page.text_input[place].set_value("it sees nonsense")
    next(
        one for one in page.checkbox if one.label.startswith(f"Yes, {'change' if place == 1 else 'go'}")
    ).check()
    button(page, label).click().run()
    with stored(home) as store:
        (entry,) = requests.open_requests(store)
        champion = store.champion()
    assert champion is not None
    other = {"1": "2", "2": "1"}[champion.version]
    assert entry.evidence["action"] == action
    assert (entry.subject == other) is (action == "promote")


def test_a_training_under_way_shows_how_far_it_is(home: Path, open_page: OpenPage) -> None:
    with stored(home) as store:
        store.ledger.claim(
            kind="training", state="running", at=2**50, reason="drift was found", key="training:9"
        )
    page = open_page("operations", home=home)
    assert any("running since" in one.proto.text for one in page.get("progress"))
    assert any(one.value == "drift was found" for one in page.text)


def test_each_training_is_listed_with_its_job_its_state_and_its_result(
    home: Path, open_page: OpenPage
) -> None:
    with stored(home) as store:
        for number, (state, evidence) in enumerate(
            [
                ("running", {"job": "shop-training-8"}),
                ("failed", {"job": "shop-training-9", "error": "the log is too short"}),
                ("done", {"job": "shop-training-10", "verdict": "refused", "version": "7"}),
            ],
            start=8,
        ):
            store.ledger.claim(
                kind="training",
                state=state,
                at=2**50,
                reason="drift",
                key=f"training:{number}",
                evidence=evidence,
            )
    page = open_page("operations", home=home)
    table = next(one.value for one in page.dataframe if "Job or log" in one.value)
    rows = table.set_index("Job or log")[["state", "result", "version"]].apply(tuple, axis=1)
    assert rows["shop-training-8"] == ("running", "", "")
    assert rows["shop-training-9"] == ("failed", "the log is too short", "")
    assert rows["shop-training-10"] == ("done", "refused", "7")


def test_the_ledger_can_be_narrowed_to_a_kind(home: Path, open_page: OpenPage) -> None:
    page = open_page("operations", home=home)
    assert {"training", "promotion", "decision"} <= set(page.dataframe[-1].value["kind"])
    page.get("button_group")[0].set_value("promotion").run()
    assert set(page.dataframe[-1].value["kind"]) == {"promotion"}


def test_the_ledger_can_be_narrowed_to_what_people_did_and_says_who(home: Path, open_page: OpenPage) -> None:
    with stored(home) as store:
        store.ledger.claim(
            kind="erasure", state="done", at=2**50, reason="asked by letter", evidence={"actor": "dpo"}
        )
    page = open_page("operations", home=home)
    page.text_input[0].set_value("the summer collection is out")
    button(page, "Retrain now").click().run()
    page.get("button_group")[0].set_value("by people").run()
    table = page.dataframe[-1].value
    assert {("erasure", "dpo"), ("request", "laptop")} <= set(zip(table["kind"], table["by"], strict=True))
    assert all(table["by"])
    assert "decision" not in set(table["kind"])


def test_an_empty_shop_is_told_how_to_begin(tmp_path: Path, open_page: OpenPage) -> None:
    page = open_page("operations", home=tmp_path)
    assert not page.exception
    assert {"propensity train", "propensity operate", "propensity ledger"} <= {one.value for one in page.code}


def test_a_registry_that_is_away_leaves_the_other_buttons_working(
    shop: Path, open_page: OpenPage, broken: dict[str, str]
) -> None:
    page = open_page("operations", home=shop, MLFLOW_TRACKING_URI=broken["MLFLOW_TRACKING_URI"])
    assert not page.exception
    assert [one.value for one in page.error] == [
        "MLflow at http://127.0.0.1:9 does not answer. Check MLFLOW_TRACKING_URI and that the server is up."
    ]
    assert not button(page, "Retrain now").disabled
    assert "Trainings" in texts(page)
