"""An upload of 100,000 rows is scored within a minute, of users of the scores and of rows with every feature given.

    make verify-full ARGS="-k upload -s"

prints the figures that the dashboard's README has.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.batch import score_csv
from propensity.campaign.spreadsheet import rows_of
from propensity.features.definition import FEATURES, NAMES
from propensity.lifecycle.champion import bundle_of, champion_of
from propensity.model import Model
from propensity.registry import Registry
from propensity.store import Store, open_store
from tests.dashboard.shop import open_a_shop

ROWS = 100_000
LIMIT_SECONDS = 60
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("upload")
    Registry(f"sqlite:///{made}/mlflow.db", artifacts=made / "artifacts").ping()
    open_a_shop(made, now=time.time_ns() // 1000, users=500)
    return made


def of_users(store: Store) -> bytes:
    """A list of users, each known and many times over: what the store has of them is read."""
    users = [one.user_id for one in store.scores.top(store.scores.cutoffs(1)[0], 500)]
    return "\n".join(["user_id", *(users[number % len(users)] for number in range(ROWS))]).encode()


def of_strangers(_: Store) -> bytes:
    """Users nobody knows, with one feature: each is looked for among scores and events."""
    return "\n".join(["user_id,cart_count", *(f"stranger-{number},2" for number in range(ROWS))]).encode()


def of_features(_: Store) -> bytes:
    """Rows as `/predict` takes them, every feature given."""
    row = ",".join(f"{max(0.0, one.minimum):g}" for one in FEATURES)
    return "\n".join(
        [",".join(["user_id", *NAMES]), *(f"u{number},{row}" for number in range(ROWS))]
    ).encode()


@pytest.mark.parametrize("made", [of_users, of_strangers, of_features], ids=lambda one: one.__name__)
def test_an_upload_of_a_hundred_thousand_rows_takes_less_than_a_minute(
    home: Path, made: Callable[[Store], bytes]
) -> None:
    with open_store(f"sqlite:///{home}/store.db") as store:
        champion = champion_of(store)
        model, content = Model(bundle_of(store, champion.digest)), made(store)
        started, cpu = time.perf_counter(), time.process_time()
        found = score_csv(
            rows_of(content), total=ROWS, store=store, model=model, cutoff=store.scores.cutoffs(1)[0],
            progress=lambda _: None,
        )  # fmt: skip
        seconds, busy = time.perf_counter() - started, time.process_time() - cpu
    print(f"{made.__name__}: {seconds:.1f} s, {busy:.1f} s of one core")  # noqa: T201 - the figure for the README
    assert len(found.users) == ROWS
    assert seconds < LIMIT_SECONDS
