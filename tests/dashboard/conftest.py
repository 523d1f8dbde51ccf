"""A running shop, an empty one and one whose store and registry are away, each behind the real pages."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.door import DOOR
from tests.dashboard.shop import open_a_shop

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
OpenPage = Callable[..., AppTest]
SECONDS = 60


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Path:
    """The home of a shop that has been running for a while; tests that write take a copy.

    Its training takes twenty seconds, so all processes of a test run share one.
    """
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shop"
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "open").exists():
            home.mkdir()
            (home / "mlflow.db").write_bytes(empty_registry.read_bytes())
            open_a_shop(home, now=time.time_ns() // 1000, users=500)
            (home / "open").touch()
    return home


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """Streamlit keeps what was read in the process: forget it before each test, and let the store go after it."""
    DOOR.forget()
    st.cache_data.clear()
    st.cache_resource.clear()
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, settings: object) -> OpenPage:
    """`open_page(name, home=, **environment)`: a page as a person has it before them."""
    del settings  # it clears the machine's own variables away

    def open_it(name: str, *, home: Path, **environment: str) -> AppTest:
        monkeypatch.setenv("PROPENSITY_HOME", str(home))
        for variable, text in environment.items():
            monkeypatch.setenv(variable, text)
        page = AppTest.from_file(APP, default_timeout=SECONDS).run()
        return page if name == "overview" else page.switch_page(f"views/{name}.py").run()

    return open_it


@pytest.fixture
def broken() -> dict[str, str]:
    """What leads to a store and a registry that are away."""
    return {
        "PROPENSITY_STORE_URI": "sqlite:////proc/nowhere/store.db",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    }


def texts(page: AppTest) -> str:
    """Everything a person reads on a page, in one text."""
    parts = [
        page.title,
        page.subheader,
        page.markdown,
        page.caption,
        page.info,
        page.warning,
        page.error,
        page.code,
    ]
    return "\n".join(str(element.value) for kind in parts for element in kind)
