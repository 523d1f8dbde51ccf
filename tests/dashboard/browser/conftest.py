"""The dashboard as a process and a real browser before it; pictures of what it saw go to build/screenshots."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from jobs.monitor.drift import report
from jobs.monitor.drift.sample import COLUMNS, Sample
from propensity.store import open_store
from tests.dashboard.served import served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PASSWORD = "press-all-buttons"  # noqa: S105 - of a shop that lives as long as a test


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
    with served(shop, access=access) as url:
        yield url


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
