"""The dashboard as a process and a real browser before it; pictures of what it saw go to build/screenshots."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from jobs.monitor.drift import report
from jobs.monitor.drift.sample import COLUMNS, Sample
from propensity.cli.dashboard import dashboard_command
from propensity.store import open_store

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
START_SECONDS = 90
PASSWORD = "press-all-buttons"  # noqa: S105 - of a shop that lives as long as a test


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def real_report(shop: Path) -> str:
    """The name of a drift report as Evidently draws it; the shop's others are stand-ins, for this one takes ten seconds."""
    chance, name = np.random.default_rng(5), "drift-1-real.html"

    def sample(shift: float) -> Sample:
        values = (chance.gamma(2.0, size=(400, len(COLUMNS))) + shift).astype(np.float32)
        users = np.array([f"u{number}" for number in range(400)])
        return Sample(users=users, cutoffs=np.zeros(400, dtype=np.int64), values=values)

    drawn = report.draw(sample(0.5), sample(0.0), seed=5)
    assert drawn is not None
    with open_store(f"sqlite:///{shop}/store.db") as store:
        store.reports.put(name, drawn, at=time.time_ns() // 1000)
    return name


@pytest.fixture(scope="session")
def address(shop: Path, real_report: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard on a shop, behind a password and below a path, as the chart runs it."""
    del real_report  # in the store before the first page reads what there is
    access = tmp_path_factory.mktemp("access")
    (access / "operator").write_text(PASSWORD)
    port = free_port()
    told = {"PROPENSITY_HOME": str(shop), "PROPENSITY_DASHBOARD_ACCESS": str(access)}
    command = dashboard_command(port=port, host="127.0.0.1", path="/dashboard")
    with subprocess.Popen(command, env={**os.environ, **told}, cwd=access, stdout=sys.stderr) as process:
        try:
            url = f"http://127.0.0.1:{port}/dashboard"
            _wait_for(f"{url}/_stcore/health", process)
            yield url
        finally:
            process.terminate()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    pytest.fail("The dashboard did not become healthy.")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium as the machine has it."""
    if CHROMIUM is None:
        pytest.skip("no chromium here; Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A tab of somebody who has logged in as operator, in Berlin."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900}, timezone_id="Europe/Berlin")
    opened.set_default_timeout(60_000)
    log_in(opened, address)
    yield opened
    opened.close()


def log_in(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Overview").wait_for()


def go(page: Page, title: str) -> None:
    """Go to a page by the navigation, and wait until it is drawn."""
    page.get_by_test_id("stSidebarNav").get_by_text(title, exact=True).click()
    page.get_by_role("heading", name=title, exact=True).wait_for()
    settle(page)


def settle(page: Page) -> None:
    """Wait until Streamlit runs no script and every chart is drawn."""
    page.wait_for_function("() => document.querySelector('[data-test-script-state=\"notRunning\"]')")
    page.wait_for_function("() => !document.querySelector('[data-testid=stSkeleton]')")
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].every(c => c.querySelector('canvas, svg'))"
    )
