"""The dashboard as people reach it: under its path of the ingress, with a password, in a real browser.

Streamlit sends one empty page to everybody and what is on it through a websocket afterwards, so that HTTP shows only
whether all of it lies under the path; who sees what is asked in Debian's Chromium, without a window.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from tests.e2e.cluster import until
from tests.e2e.release import READY_SECONDS, Release
from tests.e2e.sight import describe, fetch_steadily, watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATH = "/dashboard"
PAGES = ("Overview", "Users to target", "Model", "Data", "Business", "Operations")
SIGHT_MS = 60_000
"""Milliseconds for a page to show something on two busy cores; MLflow's client takes most of them, once."""
LOGIN = """
[auth]
redirect_uri = "https://shop.test/dashboard/oauth2callback"
cookie_secret = "nobody-will-log-in-with-this"
client_id = "dashboard"
client_secret = "nor-with-this"
server_metadata_url = "https://login.test/.well-known/openid-configuration"
"""
Look = Callable[[], "Page"]


@pytest.fixture(scope="module", autouse=True)
def ready(release: Release) -> None:
    """Its pod is ready."""
    release.until_ready("dashboard", count=1, seconds=READY_SECONDS)


@pytest.fixture(scope="module")
def browser(release: Release) -> Iterator["Browser"]:
    """The machine's Chromium, to which the release's host is where the ingress listens."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="There is no playwright. Run `make e2e`.")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("There is no chromium on the PATH. Run `make e2e`, which says how to install it.")
    where = f"--host-resolver-rules=MAP {release.host} {urlsplit(release.url).hostname}"
    with sync_api.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=["--no-sandbox", where])
        yield started
        started.close()


@pytest.fixture
def look(release: Release, browser: "Browser") -> Iterator[Look]:
    """`look()`: the dashboard's address, opened by somebody who was never there; what they saw is in the log."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(SIGHT_MS)
    fetch_steadily(context, release.host, release.url)
    port = urlsplit(release.url).port

    def open_it() -> "Page":
        page = context.new_page()
        watch(page)
        page.goto(f"http://{release.host}:{port}{PATH}")
        return page

    yield open_it
    for page in context.pages:
        describe(page)
    context.unroute_all(behavior="ignoreErrors")
    context.close()


def until_rolled_out(release: Release) -> None:
    target = f"deployment/{release.full}-dashboard"
    release.cluster.kubectl("rollout", "status", target, f"--timeout={READY_SECONDS}s")


def log_in(page: "Page", password: str) -> None:
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()


def go_to(page: "Page", name: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_text(name, exact=True).click()
    page.get_by_role("heading", name=name, exact=True).wait_for()
    page.wait_for_function("() => document.querySelector('[data-test-script-state=\"notRunning\"]')")


def test_page_and_health_answer_under_the_path_and_the_service_keeps_the_rest(release: Release) -> None:
    assert release.ask("GET", f"{PATH}/_stcore/health").text == "ok"
    assert release.ask("GET", f"{PATH}/").headers["content-type"].startswith("text/html")
    for outside in ("/", "/_stcore/health", "/dashboards", "/static/"):
        assert release.ask("GET", outside).status_code == 404, outside
    assert release.ask("GET", "/docs.json", key=release.first_key()).status_code == 200


def test_every_file_the_page_names_loads_under_the_path(release: Release) -> None:
    html = release.ask("GET", f"{PATH}/").text
    named = [name for name in re.findall(r'(?:src|href)="([^"#]+)"', html) if "/agent/" not in name]
    files = [urljoin(f"{PATH}/", name) for name in named]
    assert any(name.endswith(".js") for name in files)
    for name in files:
        assert name.startswith(f"{PATH}/"), name
        answer = release.ask("GET", name)
        assert answer.status_code == 200, name
        assert "text/html" not in answer.headers["content-type"], f"{name} is the page again"


@pytest.mark.parametrize(("site", "status"), [("", 101), ("http://elsewhere.test", 403)])
def test_only_its_own_pages_open_its_websocket(release: Release, site: str, status: int) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers = upgrade | {"Host": release.host, "Origin": site or f"http://{release.host}"}
    address = f"{release.url}{PATH}/_stcore/stream"
    with httpx.stream(
        "GET", address, headers=headers | {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    ) as answer:
        assert answer.status_code == status


def test_nobody_leaves_a_file_who_has_no_page_open(release: Release) -> None:
    address = f"{release.url}{PATH}/_stcore/upload_file/somebody/file"
    answer = httpx.put(address, headers={"Host": release.host}, files={"file": b"user_id"})
    assert answer.status_code == 403


def test_without_the_password_there_is_a_form_and_no_page(look: Look) -> None:
    page = look()
    page.get_by_label("Password", exact=True).wait_for()
    assert not page.get_by_test_id("stSidebarNav").count()
    log_in(page, "not-the-password")
    page.get_by_text("That is not it").wait_for()
    assert not page.get_by_test_id("stSidebarNav").count()
    assert not page.get_by_test_id("stMetric").count()


def test_the_charts_password_opens_every_page_and_overview_names_the_champion(
    release: Release, look: Look
) -> None:
    page = look()
    log_in(page, release.secret(f"{release.full}-dashboard", "reader"))
    card = page.get_by_test_id("stMetric").filter(has_text="Champion")
    card.get_by_text(re.compile(r"version \d+")).wait_for()
    for name in PAGES[1:]:
        go_to(page, name)
        assert not page.get_by_test_id("stException").count(), name
        sentences = page.get_by_test_id("stAlertContentError").all_inner_texts()
        assert sentences == [], f"{name} shows errors"


@pytest.mark.parametrize(("who", "may_press"), [("reader", False), ("operator", True)])
def test_only_the_operators_password_may_press(
    release: Release, look: Look, who: str, may_press: bool
) -> None:
    page = look()
    log_in(page, release.secret(f"{release.full}-dashboard", who))
    go_to(page, "Operations")
    button = page.get_by_role("button", name="Retrain now")
    button.wait_for()
    assert button.is_enabled() is may_press


def test_a_rotated_password_counts_without_a_restart(release: Release, look: Look) -> None:
    name, operator = f"{release.full}-dashboard", release.secret(f"{release.full}-dashboard", "operator")
    pods = release.ready("dashboard")
    before = release.secret(name, "reader")
    release.cluster.kubectl("patch", "secret", name, "--patch", '{"stringData": {"reader": "rotated"}}')
    read = ("exec", pods[0], "--", "cat", "/run/access/reader")
    until(
        lambda: release.cluster.kubectl(*read) == "rotated", seconds=150, what="the new password in the pod"
    )
    page = look()
    log_in(page, before)
    page.get_by_text("That is not it").wait_for()
    log_in(page, "rotated")
    page.get_by_test_id("stMetric").first.wait_for()
    assert (release.ready("dashboard"), release.secret(name, "operator")) == (pods, operator)


def test_with_oidc_nobody_is_asked_for_a_password(release: Release, look: Look) -> None:
    given = {"metadata": {"name": "login"}, "stringData": {"secrets.toml": LOGIN}}
    release.cluster.apply({"apiVersion": "v1", "kind": "Secret", **given})
    try:
        release.upgrade("dashboard.oidc.existingSecret=login")
        until_rolled_out(release)
        page = look()
        page.get_by_role("button", name="Log in").wait_for()
        assert not page.get_by_label("Password", exact=True).count()
        assert not page.get_by_test_id("stSidebarNav").count()
    finally:
        release.upgrade()
        until_rolled_out(release)
        release.cluster.kubectl("delete", "secret", "login")


def test_the_running_pod_holds_no_token(release: Release) -> None:
    (pod,) = release.ready("dashboard")
    run = release.cluster.run(
        "kubectl", "exec", pod, "--", "ls", "/var/run/secrets/kubernetes.io", check=False
    )
    assert "No such file" in run.stderr
