"""Every page of a shop whose store is MongoDB, where a server is named; the pages of the other tests read SQLite."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboard.conftest import OpenPage, texts
from tests.dashboard.shop import open_a_shop
from tests.store.conftest import MONGO, fresh_database

SEEN = {
    "overview": "95 % intervals",
    "targets": "Who is held back counts in neither.",
    "model": "all contributions together make it",
    "data": "Longest silence of the week",
    "business": "Qini coefficient",
    "operations": "Nothing is under way.",
}
"""A sentence of each page that stands there only where the store has told what it should."""


@pytest.fixture(scope="module")
def mongo_shop(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Iterator[tuple[Path, str]]:
    """A home and the address of a store that has been running for a while."""
    if not os.environ.get(MONGO):
        pytest.skip(f"set {MONGO} to a server's mongodb:// address to open the pages on it")
    home = tmp_path_factory.mktemp("mongo_shop")
    (home / "mlflow.db").write_bytes(empty_registry.read_bytes())
    with fresh_database(os.environ[MONGO]) as uri:
        open_a_shop(home, now=time.time_ns() // 1000, users=300, store_uri=uri)
        yield home, uri


@pytest.mark.parametrize("view", sorted(SEEN))
def test_a_page_of_a_shop_on_mongodb_opens_with_its_content(
    mongo_shop: tuple[Path, str], open_page: OpenPage, view: str
) -> None:
    home, uri = mongo_shop
    page = open_page(view, home=home, PROPENSITY_STORE_URI=uri)
    assert not page.exception
    assert not page.error
    assert SEEN[view] in texts(page)
