"""Who gets in: nobody without a password where there is one, and readers press no buttons."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dashboard import access
from dashboard.door import MAX_FAILURES, PAUSE_SECONDS, Door, network
from dashboard.roles import check, role_of
from propensity.errors import SettingsError
from propensity.settings import Settings
from tests.dashboard.conftest import APP, OpenPage, texts

VIEWS = sorted(path.stem for path in (APP.parent / "views").glob("*.py") if path.stem != "__init__")


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    folder = tmp_path / "access"
    folder.mkdir()
    (folder / "reader").write_text("look\n")
    (folder / "operator").write_text("press\n")
    return folder


@pytest.mark.parametrize("view", ["overview", "operations"])
def test_without_the_password_there_is_a_form_and_nothing_else(
    shop: Path, passwords: Path, open_page: OpenPage, view: str
) -> None:
    page = open_page("overview", home=shop, PROPENSITY_DASHBOARD_ACCESS=str(passwords))
    if view != "overview":
        page.switch_page(f"views/{view}.py").run()
    assert [one.label for one in page.text_input] == ["Password"]
    assert not page.metric
    assert not page.dataframe


def test_a_wrong_password_opens_nothing(shop: Path, passwords: Path, open_page: OpenPage) -> None:
    page = open_page("overview", home=shop, PROPENSITY_DASHBOARD_ACCESS=str(passwords))
    page.text_input[0].set_value("guess")
    page.button[0].click().run()
    assert "That is not it" in page.error[0].value
    assert not page.metric


@pytest.mark.parametrize(("password", "may_press"), [("look", False), ("press", True)])
def test_the_password_decides_who_may_press(
    shop: Path, passwords: Path, open_page: OpenPage, password: str, may_press: bool
) -> None:
    page = open_page("overview", home=shop, PROPENSITY_DASHBOARD_ACCESS=str(passwords))
    page.text_input[0].set_value(password)
    page.button[0].click().run()
    assert page.metric
    page.switch_page("views/operations.py").run()
    assert not page.exception
    retrain = next(one for one in page.button if one.label == "Retrain now")
    assert retrain.disabled is not may_press
    assert ("You may look" in texts(page)) is not may_press


def test_logging_out_closes_the_door(shop: Path, passwords: Path, open_page: OpenPage) -> None:
    page = open_page("overview", home=shop, PROPENSITY_DASHBOARD_ACCESS=str(passwords))
    page.text_input[0].set_value("look")
    page.button[0].click().run()
    next(one for one in page.button if one.label == "Log out").click().run()
    assert [one.label for one in page.text_input] == ["Password"]
    assert not page.metric


def test_a_rotated_password_counts_at_once(passwords: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, dashboard_access=str(passwords))
    assert role_of("press", settings) == "operator"
    (passwords / "operator").write_text("other")
    assert role_of("press", settings) is None


def test_a_rotated_password_ends_the_stay_of_who_came_in_by_the_old_one(
    shop: Path, passwords: Path, open_page: OpenPage
) -> None:
    page = open_page("overview", home=shop, PROPENSITY_DASHBOARD_ACCESS=str(passwords))
    page.text_input[0].set_value("press")
    page.button[0].click().run()
    assert page.metric
    (passwords / "reader").write_text("another reader's")
    page.run()
    assert page.metric
    (passwords / "operator").write_text("other")
    page.run()
    assert [one.label for one in page.text_input] == ["Password"]
    assert not page.metric


def test_the_next_person_at_a_tab_finds_nothing_of_the_one_before(
    shop: Path, passwords: Path, open_page: OpenPage
) -> None:
    page = open_page("overview", home=shop, PROPENSITY_DASHBOARD_ACCESS=str(passwords))
    page.text_input[0].set_value("press")
    page.button[0].click().run()
    page.session_state["list"] = ("l1", "secret sale", "user_id")
    next(one for one in page.button if one.label == "Log out").click().run()
    page.text_input[0].set_value("look")
    page.button[0].click().run()
    page.switch_page("views/targets.py").run()
    assert not any("secret sale" in one.proto.label for one in page.get("download_button"))


def test_an_empty_file_lets_nobody_in(passwords: Path, tmp_path: Path) -> None:
    (passwords / "operator").write_text("\n")
    settings = Settings(home=tmp_path, dashboard_access=str(passwords))
    assert role_of("", settings) is None
    assert role_of("look", settings) == "reader"


def test_guessing_is_slowed_down() -> None:
    door = Door()
    for at in range(MAX_FAILURES):
        assert not door.is_shut("here", float(at))
        door.failed("here", float(at))
    assert door.is_shut("here", float(MAX_FAILURES))
    assert not door.is_shut("here", MAX_FAILURES + PAUSE_SECONDS)


def test_knocking_at_a_shut_door_does_not_keep_it_shut() -> None:
    door = Door()
    for at in range(10 * MAX_FAILURES):
        assert door.opens(lambda: None, address="here", now=float(at) / 10) is None
    assert door.opens(lambda: "reader", address="here", now=PAUSE_SECONDS / 2) is None
    assert door.opens(lambda: "reader", address="here", now=PAUSE_SECONDS + 2) == "reader"


def test_who_guesses_keeps_nobody_out_but_those_at_the_same_address() -> None:
    door = Door()
    for at in range(20 * MAX_FAILURES):
        door.opens(lambda: None, address="192.0.2.1", now=float(at))
        assert door.opens(lambda: "reader", address="192.0.2.2", now=float(at)) == "reader"


def test_addresses_are_forgotten_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.door.MOST", 3)
    door = Door()
    for address in "abcde":
        for _ in range(MAX_FAILURES):
            door.failed(address, 0.0)
    assert [address for address in "abcde" if door.is_shut(address, 1.0)] == ["c", "d", "e"]


def test_a_thousand_tabs_at_once_are_ten_guesses() -> None:
    door, asked = Door(), list[int]()

    def ask() -> None:
        time.sleep(0)  # lets the others in, were there no lock
        asked.append(1)

    with ThreadPoolExecutor(50) as tabs:
        list(tabs.map(lambda _: door.opens(ask, address="here", now=1.0), range(1_000)))
    assert len(asked) == MAX_FAILURES


def test_a_household_of_ipv6_is_one_address() -> None:
    assert network("2001:db8:1:2::7") == network("2001:db8:1:2:aaaa::1") != network("2001:db8:1:3::7")
    assert network("192.0.2.1") != network("192.0.2.2")
    assert network("somebody") == network("") == ""


def test_a_long_password_is_not_even_looked_at(passwords: Path, tmp_path: Path) -> None:
    (passwords / "operator").write_text("x" * 2_000)
    settings = Settings(home=tmp_path, dashboard_access=str(passwords))
    assert role_of("x" * 2_000, settings) is None


def test_a_password_file_that_is_not_utf8_is_a_sentence(passwords: Path, tmp_path: Path) -> None:
    (passwords / "operator").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        role_of("press", Settings(home=tmp_path, dashboard_access=str(passwords)))


def test_a_right_password_at_a_shut_door_is_not_called_wrong(
    shop: Path, passwords: Path, open_page: OpenPage
) -> None:
    page = open_page("overview", home=shop, PROPENSITY_DASHBOARD_ACCESS=str(passwords))
    for _ in range(MAX_FAILURES):
        page.text_input[0].set_value("guess")
        page.button[0].click().run()
    assert "That is not it" in page.error[0].value
    page.text_input[0].set_value("press")
    page.button[0].click().run()
    assert "was not looked at" in page.error[0].value
    assert not page.metric


@pytest.mark.parametrize(
    ("user", "may"),
    [
        ({"email": "Ann@shop.example", "email_verified": True}, True),
        ({"email": "bob@shop.example", "email_verified": True}, False),
        ({"email": "ann@shop.example"}, False),
        ({"email": "ann@shop.example", "email_verified": "false"}, False),
        ({"email": "ann@shop.example", "email_verified": "true"}, False),
        ({"email": "ann@shop.example", "email_verified": False}, False),
        ({"sub": "1", "email_verified": True}, False),
    ],
)
def test_by_oidc_only_a_verified_address_of_the_list_may_press(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: dict[str, Any], may: bool
) -> None:
    told = Settings(
        home=tmp_path, dashboard_oidc=True, dashboard_operators=" ann@shop.example, , eve@x.example"
    )
    monkeypatch.setattr(access.connections, "settings", lambda: told)
    monkeypatch.setattr(access.st, "user", user)
    assert access.may_operate() is may


def test_on_a_cluster_somebody_has_to_be_asked(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="open to everybody"):
        check(Settings(home=tmp_path, platform="kubernetes"))
    check(Settings(home=tmp_path, platform="kubernetes", dashboard_oidc=True))
    check(Settings(home=tmp_path))


def test_a_folder_without_a_password_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no password"):
        check(Settings(home=tmp_path, dashboard_access=str(tmp_path)))


def test_no_page_is_served_past_the_login() -> None:
    """Streamlit serves whatever lies in a folder `pages` beside the main script, without running the main script."""
    assert not (APP.parent / "pages").exists()
    assert [view for view in VIEWS if f'"views/{view}.py"' not in APP.read_text()] == []
