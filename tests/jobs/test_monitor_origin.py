"""Where reference rows come from, and whose rows do not come again."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs.monitor.drift.origin import FILE, key_of, reference_of
from propensity.features.anonymous import marked
from propensity.features.definition import NAMES
from propensity.features.marks import marks
from propensity.store import Champion, Store, open_store

DIGEST = f"sha256:{'ab' * 32}"
CHAMPION = Champion(version="1", digest=DIGEST, verdict="promoted", promoted_at=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/store.db") as opened:
        yield opened


class Shelf:
    """A registry that has one training's rows."""

    def __init__(self, users: list[str]) -> None:
        values = dict.fromkeys(NAMES, [0.0] * len(users))
        rows = pl.DataFrame(
            {"user_id": users, "cutoff": [1] * len(users), "probability": [0.5] * len(users), **values}
        )
        written = io.BytesIO()
        marked(rows, digest=DIGEST).write_parquet(written)
        self._content = written.getvalue()

    def version(self, number: str) -> str:
        return number

    def artifact(self, version: str, name: str) -> bytes:
        assert (version, name) == ("1", FILE)
        return self._content


def copied(store: Store) -> list[str]:
    kept = store.bundles.get(key_of(DIGEST))
    assert kept is not None
    found: list[str] = pl.read_parquet(io.BytesIO(kept[FILE]))["user"].to_list()
    return found


def test_the_copy_of_a_reference_loses_a_forgotten_user_and_does_not_get_the_user_back(store: Store) -> None:
    shelf: Any = Shelf(["ann", "bob", "eve"])

    def look() -> None:
        assert reference_of(CHAMPION, store=store, registry=lambda: shelf, max_users=99) is not None

    look()
    assert sorted(copied(store)) == sorted(marks(["ann", "bob", "eve"], digest=DIGEST))
    mark = store.forgotten.add("ann", at=1, salt=b"s" * 32).mark
    store.forgotten.erase("ann", mark=mark)
    assert store.bundles.get(key_of(DIGEST)) is None
    look()
    assert sorted(copied(store)) == sorted(marks(["bob", "eve"], digest=DIGEST))
