"""How long a MongoDB that accepts connections and says nothing more is waited for."""

import socket
import time

import pytest

from propensity.errors import StoreUnavailable
from propensity.store import open_store
from propensity.store.mongo.database import ANSWER_MS, FINDING_MS, Database


def test_a_server_that_accepts_and_says_nothing_is_given_up_on_in_the_time_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        started = time.monotonic()
        with (
            open_store(f"mongodb://127.0.0.1:{port}/shop", timeout=0.3) as store,
            pytest.raises(StoreUnavailable),
        ):
            store.ping()
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("uri", "timeout", "seconds"),
    [
        ("mongodb://h/shop", None, (FINDING_MS / 1000, ANSWER_MS / 1000)),
        ("mongodb://h/shop", 5.0, (5.0, 5.0)),
        ("mongodb://h/shop?socketTimeoutMS=700", 5.0, (5.0, 0.7)),
    ],
)
def test_a_time_that_is_given_bounds_every_answer_unless_the_address_says_another(
    uri: str, timeout: float | None, seconds: tuple[float, float]
) -> None:
    database = Database(uri, timeout=timeout)
    options = database._client.options
    found = options.server_selection_timeout, options.pool_options.socket_timeout
    database.close()
    assert found == seconds
