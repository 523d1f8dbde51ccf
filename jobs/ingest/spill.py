"""Cleaned rows on disk, apart by user, until the whole file is known to be good.

Two things need the whole file before anything may be written: the share of refused rows, and which of several equal
rows a row is. Equal rows have the same user, so each bucket of users can answer the second for itself, in bounded memory.

Buckets are stretches of users in their order, cut where a sample of the whole file says that they are about equal: a
store that keeps users in order is then filled from one end to the other. Rows in buckets by hash would touch every page
of it once a bucket, which for a log of gigabytes is a hundred times.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from jobs.ingest.parallel import in_order
from propensity.errors import PropensityError

BUCKET_BYTES: Final = 32 << 20
"""Of a bucket on disk: some 200,000 rows."""
SAMPLE_EVERY: Final = 256
"""Rows for each that is looked at to see where buckets should be cut."""
ARRIVED: Final = "arrived"
REFUSED: Final = "refused"
THREADS: Final = 2
"""Pieces arranged at once: more would wait for the disk."""


class Packed(NamedTuple):
    """Rows of one block, serialised, by what they are kept under."""

    pieces: Mapping[str, memoryview]
    users: Sequence[str] = ()
    """A sample of their users; no column of Polars, which would hold on to the whole block it was taken from."""


@contextmanager
def on_disk() -> Iterator[None]:
    """Say what to do where the temporary folder is full, away or not ours."""
    try:
        yield
    except OSError as error:
        raise PropensityError(
            f"The temporary folder can't be used ({error.strerror or type(error).__name__}). "
            "Free some space or set TMPDIR to a larger disk."
        ) from error


class Spill:
    """One file's rows in a folder of their own: events as they arrive, then by bucket; refused rows in their order."""

    def __init__(self, folder: Path, *, bucket_bytes: int = BUCKET_BYTES) -> None:
        self._folder = folder
        self._bucket_bytes = bucket_bytes
        self._pieces: dict[str, list[int]] = {}
        self._users: list[str] = []
        self._buckets: list[str] = []

    def put(self, packed: Packed) -> None:
        """Keep packed rows."""
        for name, piece in packed.pieces.items():
            with on_disk(), (self._folder / name).open("ab") as file:
                file.write(piece)
            self._pieces.setdefault(name, []).append(len(piece))
        self._users += packed.users

    def events(self) -> Iterator[pl.DataFrame]:
        """Yield the buckets in the order of their users, each whole."""
        if ARRIVED in self._pieces:
            self._arrange()
        for name in self._buckets:
            if pieces := list(self._pieces_of(name)):
                yield pl.concat(pieces)

    def refused(self) -> Iterator[pl.DataFrame]:
        """Yield the refused rows in the pieces they came in."""
        return self._pieces_of(REFUSED)

    def _arrange(self) -> None:
        sizes = self._pieces[ARRIVED]
        bounds = _bounds(self._users, count=-(-sum(sizes) // self._bucket_bytes))
        self._buckets = [f"bucket-{number}" for number in range(len(bounds) + 1)]
        if len(bounds) == 0:
            self._pieces[self._buckets[0]] = sizes
            with on_disk():
                (self._folder / ARRIVED).rename(self._folder / self._buckets[0])
        else:
            for packed in in_order(partial(_arranged, bounds), self._pieces_of(ARRIVED), threads=THREADS):
                self.put(packed)
            with on_disk():
                (self._folder / ARRIVED).unlink()
        del self._pieces[ARRIVED]

    def _pieces_of(self, name: str) -> Iterator[pl.DataFrame]:
        if name not in self._pieces:
            return
        with on_disk(), (self._folder / name).open("rb") as file:
            for size in self._pieces[name]:
                yield pl.read_ipc_stream(io.BytesIO(file.read(size)))


def pack(cleaned: pl.DataFrame) -> Packed:
    """Return cleaned rows as a spill takes them: events, and apart from them the others with what is wrong."""
    faulty = pl.col("reason").is_not_null()
    refused = cleaned.filter(faulty).select("line", "raw", "reason", "user_id")
    events = cleaned.filter(~faulty).drop("reason", "raw")
    return Packed(
        _as_bytes([(REFUSED, refused), (ARRIVED, events)]),
        events["user_id"].gather_every(SAMPLE_EVERY).to_list(),
    )


def _bounds(users: Sequence[str], *, count: int) -> pl.Series:
    """Return the first users of all buckets but the first, of at most so many buckets."""
    sample = pl.Series(users, dtype=pl.String).sort()
    places = sorted({len(sample) * number // count for number in range(1, count)})
    return sample.gather(places).unique().sort()


def _arranged(bounds: pl.Series, events: pl.DataFrame) -> Packed:
    bucket = bounds.search_sorted(events["user_id"], side="right").alias("bucket")
    parts = events.with_columns(bucket).partition_by("bucket", as_dict=True, include_key=False)
    return Packed(_as_bytes((f"bucket-{number}", part) for (number,), part in parts.items()))


def _as_bytes(parts: Iterable[tuple[str, pl.DataFrame]]) -> dict[str, memoryview]:
    found = {}
    for name, rows in parts:
        if rows.height:
            piece = io.BytesIO()
            rows.write_ipc_stream(piece)
            found[name] = piece.getbuffer()
    return found
