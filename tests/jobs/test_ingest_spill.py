"""What is kept on disk comes back in bounded portions of whole users, in the order in which a store wants them."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from jobs.ingest.spill import Spill, pack

ROWS, BLOCKS = 2_000, 10


def block(number: int, *, users: int) -> pl.DataFrame:
    """Return cleaned rows of users who come in no order; every hundredth is refused."""
    lines = range(number * ROWS, (number + 1) * ROWS)
    return pl.DataFrame(
        {
            "line": lines,
            "raw": [f"row {line}" for line in lines],
            "reason": ["bad_time" if line % 100 == 99 else None for line in lines],
            "event_id": [f"e{line}" for line in lines],
            "user_id": [f"u{line * 7_919 % users:05d}" for line in lines],
        },
        schema_overrides={"reason": pl.String},
    )


def filled(folder: Path, *, users: int, bucket_bytes: int) -> Spill:
    spill = Spill(folder, bucket_bytes=bucket_bytes)
    for number in range(BLOCKS):
        spill.put(pack(block(number, users=users)))
    return spill


@pytest.mark.parametrize("users", [1, 3, 500, 20_000])
@pytest.mark.parametrize("bucket_bytes", [1 << 30, 200_000])
def test_buckets_hold_every_event_once_and_whole_users_in_their_order(
    users: int, bucket_bytes: int, tmp_path: Path
) -> None:
    spill = filled(tmp_path, users=users, bucket_bytes=bucket_bytes)
    for _ in range(2):  # conflicts are looked for before anything is written, and read it all
        buckets = list(spill.events())
        found = pl.concat(buckets)
        assert sorted(found["line"]) == [line for line in range(ROWS * BLOCKS) if line % 100 != 99]
        edges = [(bucket["user_id"].min(), bucket["user_id"].max()) for bucket in buckets]
        assert all(first[1] < second[0] for first, second in pairwise(edges))  # type: ignore[operator]
    assert [row[0] for part in spill.refused() for row in part.iter_rows()] == list(range(99, 20_000, 100))


def test_a_bucket_is_bounded_whatever_the_file_holds(tmp_path: Path) -> None:
    spill = filled(tmp_path, users=500, bucket_bytes=200_000)
    sizes = [bucket.height for bucket in spill.events()]
    assert len(sizes) > 3
    assert max(sizes) < 1.5 * sum(sizes) / len(sizes)
    assert not (tmp_path / "arrived").exists()


def test_within_a_user_rows_stay_in_the_order_of_the_file(tmp_path: Path) -> None:
    spill = filled(tmp_path, users=3, bucket_bytes=200_000)
    for bucket in spill.events():
        for (_,), rows in bucket.group_by("user_id"):
            assert rows["line"].is_sorted()
    assert Counter(row[3] for part in spill.refused() for row in part.iter_rows()).total() == 200
