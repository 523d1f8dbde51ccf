"""The dashboard in a real browser: every page, a scored file, a pressed button; pictures on the way."""

import functools
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from propensity.lifecycle import requests
from propensity.store import open_store
from tests.dashboard.browser.conftest import PASSWORD, go, log_in, settle

PICTURES = Path(__file__).parents[3] / "build" / "screenshots"
CUT_OFF = """() => [...document.querySelectorAll('[data-testid=stMetric] *')]
    .filter(one => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflow !== 'visible')
    .map(one => one.innerText)"""
"""Texts of cards that do not fit."""
PAGES = ("Overview", "Users to target", "Model", "Data", "Business", "Operations")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1920, "dark")])
def test_every_page_is_drawn_without_an_error(
    browser: Browser, address: str, width: int, scheme: str
) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="Europe/Berlin",
    )
    page.set_default_timeout(60_000)
    log_in(page, address)
    for title in PAGES:
        go(page, title)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
        overflow = page.evaluate("() => document.body.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{title} is wider than {width}"
        assert page.evaluate(CUT_OFF) == [], f"cards of {title} are cut off at {width}"
        name = f"{title.lower().replace(' ', '-')}-{width}-{scheme}.png"
        high = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": width, "height": max(900, high)})
        settle(page)
        page.screenshot(path=PICTURES / name)
        page.set_viewport_size({"width": width, "height": 900})
    page.close()


def test_nobody_is_shown_a_page_without_the_password(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    for path in ("", "/operations", "/targets"):
        page.goto(f"{address}{path}")
        page.get_by_label("Password", exact=True).wait_for()
        expect(page.get_by_test_id("stSidebarNav")).to_have_count(0)
        expect(page.get_by_test_id("stDataFrame")).to_have_count(0)
    page.close()


def test_evidentlys_report_is_drawn_in_place(page: Page, real_report: str) -> None:
    go(page, "Data")
    page.get_by_label("Report").press_sequentially("real")
    page.get_by_role("option", name=real_report).click()
    inside = page.frame_locator("iframe[data-testid=stIFrame]").frame_locator("iframe")
    inside.get_by_text("Dataset Drift", exact=False).first.wait_for()
    rightmost = inside.get_by_text("Share of Drifted Columns").first.bounding_box()
    assert rightmost is not None
    assert rightmost["x"] + rightmost["width"] <= 1280 - 40, "the report is wider than its frame"
    page.get_by_text("Drift report", exact=True).scroll_into_view_if_needed()
    page.screenshot(path=PICTURES / "drift-report-1280-light.png")


def test_a_file_is_scored(page: Page, shop: Path, tmp_path: Path) -> None:
    with open_store(f"sqlite:///{shop}/store.db") as store:
        users = [one.user_id for one in store.scores.top(store.scores.cutoffs(1)[0], 50)]
    upload = tmp_path / "users.csv"
    upload.write_text("\n".join(["user_id", *users, ""]) + "\nnobody-we-know\n")
    go(page, "Users to target")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(upload)
    page.get_by_role("button", name="Score it").click()
    expect(page.get_by_text("50 rows scored")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the answers").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 51
    assert lines[1].startswith(f'"{users[0]}",0.')


def test_pressing_retrain_writes_into_the_ledger(page: Page, shop: Path) -> None:
    go(page, "Operations")
    page.get_by_label("Reason").first.fill("the summer collection is out")
    page.get_by_role("button", name="Retrain now").click()
    said = page.get_by_text("the operator takes it up")
    said.wait_for()
    expect(page.get_by_text("the summer collection is out (operator)").first).to_be_visible()
    with open_store(f"sqlite:///{shop}/store.db") as store:
        (entry,) = store.ledger.latest(1, "request")
    assert (entry.state, entry.evidence["action"]) == ("asked", "retrain")
    assert f"Ledger entry {entry.sequence}" in said.inner_text()


def test_a_retraining_is_followed_without_a_click(page: Page, shop: Path) -> None:
    go(page, "Operations")
    page.get_by_label("Reason").first.fill("to be followed")
    page.get_by_role("button", name="Retrain now").click()
    page.get_by_text("the operator takes it up").wait_for()
    with open_store(f"sqlite:///{shop}/store.db") as store:
        entry = store.ledger.latest(1, "request")[0]
        page.get_by_text(f"Entry {entry.sequence}, retrain: asked since").wait_for()
        now = time.time_ns() // 1000
        training = store.ledger.claim(
            kind="training", state="running", at=now, reason="what the operator began", key="training:77",
            evidence={"job": "shop-training-77"},
        )  # fmt: skip
        assert training is not None
        page.get_by_text(f"Entry {training.sequence}, training: running since").wait_for()
        requests.answer(
            entry, requests.DONE, result="Training 77 takes it up.", store=store, clock=lambda: now
        )
        page.get_by_text("Training 77 takes it up.").wait_for()
        store.ledger.move(
            training.sequence,
            from_state="running",
            to_state="done",
            at=now + 1,
            evidence={"verdict": "refused"},
        )
        page.get_by_text(f"Entry {training.sequence}, training: running since").wait_for(state="detached")


def test_a_double_click_is_one_request(page: Page, shop: Path) -> None:
    go(page, "Operations")
    page.get_by_label("Reason").first.fill("somebody clicked twice")
    page.get_by_role("button", name="Retrain now").dblclick()
    page.get_by_text("the operator takes it up").wait_for()
    settle(page)
    expect(page.get_by_text("Say why")).to_have_count(0)
    with open_store(f"sqlite:///{shop}/store.db") as store:
        reasons = [one.reason for one in store.ledger.latest(5, "request")]
    assert reasons.count("somebody clicked twice (operator)") == 1


def test_a_stranger_uploads_nothing_and_a_page_asks_no_other_host(browser: Browser, address: str) -> None:
    opened = browser.new_page()
    opened.set_default_timeout(60_000)
    asked, sessions = list[str](), list[str]()
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("websocket", lambda socket: socket.on("framereceived", lambda frame: _note(frame, sessions)))
    opened.goto(address)
    opened.get_by_label("Password", exact=True).wait_for()
    cookies = {one["name"]: one["value"] for one in opened.context.cookies()}
    put = functools.partial(
        httpx.put,
        f"{address}/_stcore/upload_file/{sessions[0]}/a-file",
        files={"file": ("users.csv", b"user_id")},
        cookies=cookies,
        headers={"X-Xsrftoken": cookies["_streamlit_xsrf"]},
    )
    assert put().status_code == 403
    opened.get_by_label("Password", exact=True).fill(PASSWORD)
    opened.get_by_role("button", name="Log in").click()
    opened.get_by_role("heading", name="Overview").wait_for()
    settle(opened)
    assert put().status_code == 204
    hosts = {urlsplit(url).hostname for url in asked if urlsplit(url).scheme in {"http", "https"}}
    assert hosts == {"127.0.0.1"}
    opened.close()


def _note(frame: str | bytes, sessions: list[str]) -> None:
    message = ForwardMsg()
    message.ParseFromString(frame if isinstance(frame, bytes) else frame.encode())
    if message.HasField("new_session"):
        sessions.append(message.new_session.initialize.session_id)
