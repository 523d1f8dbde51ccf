"""A fresh store for each test, of each kind there is: SQLite always, MongoDB where a server is named."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from propensity.store import Store, open_store

MONGO = "PROPENSITY_TEST_MONGO_URI"
WRITER = Path(__file__).with_name("writer.py")

StartWriter = Callable[..., AbstractContextManager["subprocess.Popen[str]"]]


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """Name a database nobody has, and drop it afterwards."""
    import pymongo

    parts = urlsplit(server)
    name = f"test_{uuid.uuid4().hex}"
    query = parts.query
    if "@" in parts.netloc and "authSource" not in query:
        query = f"{query}&authSource={parts.path.strip('/') or 'admin'}".lstrip("&")
    try:
        yield parts._replace(path=f"/{name}", query=query).geturl()
    finally:
        with pymongo.MongoClient[dict[str, object]](server) as client:
            client.drop_database(name)


@pytest.fixture(params=["sqlite", "mongo"])
def store_uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty store."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/folder/store.db"
        return
    if not os.environ.get(MONGO):
        pytest.skip(f"set {MONGO} to a server's mongodb:// address to run the contract against it")
    with fresh_database(os.environ[MONGO]) as uri:
        yield uri


@pytest.fixture
def store(store_uri: str) -> Iterator[Store]:
    """An empty store."""
    with open_store(store_uri) as opened:
        yield opened


@pytest.fixture
def start_writer(store_uri: str) -> StartWriter:
    """Start writer.py on the store as a process of its own; it is killed when the test has had enough."""

    @contextmanager
    def start(*arguments: str | int) -> Iterator["subprocess.Popen[str]"]:
        command = [sys.executable, str(WRITER), store_uri, *map(str, arguments)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    return start
