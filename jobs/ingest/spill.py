"""Cleaned rows on disk, apart by user, until the whole file is known to be good.

Two things need the whole file before anything may be written: the share of refused rows, and which of several equal
rows a row is. Equal rows have the same user, so each bucket can answer the second for itself, in bounded memory.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import polars as pl

from propensity.errors import PropensityError

BUCKET_BYTES: Final = 32 << 20
"""Bytes of the source that a bucket stands for: about half a million rows."""
MAX_BUCKETS: Final = 1_024
"""Beyond a file of 32 GB buckets grow instead: more of them would be many small writes."""
REFUSED: Final = "refused"
Packed = Mapping[str, memoryview]
"""Rows of one block, serialised, by what they are kept under."""


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
    """One file's rows in a folder of their own: events by bucket, refused rows in the order of the file."""

    def __init__(self, folder: Path, *, source_bytes: int) -> None:
        self._folder = folder
        self._buckets = min(max(1, -(-source_bytes // BUCKET_BYTES)), MAX_BUCKETS)
        self._pieces: dict[str, list[int]] = {}

    def pack(self, cleaned: pl.DataFrame) -> Packed:
        """Return cleaned rows as `put` takes them: events by the bucket of their user, the others by what is wrong.

        Touches nothing of the spill, so that many blocks may be packed at once.
        """
        faulty = pl.col("reason").is_not_null()
        refused = cleaned.filter(faulty).select("line", "raw", "reason", "user_id")
        events = cleaned.filter(~faulty).drop("reason", "raw")
        parts = {REFUSED: refused} | self._by_bucket(events)
        return {name: _as_bytes(part) for name, part in parts.items() if part.height}

    def put(self, packed: Packed) -> None:
        """Keep packed rows."""
        for name, piece in packed.items():
            with on_disk(), (self._folder / name).open("ab") as file:
                file.write(piece)
            self._pieces.setdefault(name, []).append(len(piece))

    def events(self) -> Iterator[pl.DataFrame]:
        """Yield the buckets, each whole."""
        for name in sorted(self._pieces.keys() - {REFUSED}):
            yield pl.concat(self._pieces_of(name))

    def refused(self) -> Iterator[pl.DataFrame]:
        """Yield the refused rows in the pieces they came in."""
        return self._pieces_of(REFUSED)

    def _by_bucket(self, events: pl.DataFrame) -> dict[str, pl.DataFrame]:
        if self._buckets == 1:
            return {"0": events}
        bucket = (pl.col("user_id").hash(seed=0) % self._buckets).alias("bucket")
        parts = events.with_columns(bucket).partition_by("bucket", as_dict=True, include_key=False)
        return {str(number): part for (number,), part in parts.items()}

    def _pieces_of(self, name: str) -> Iterator[pl.DataFrame]:
        if name not in self._pieces:
            return
        with on_disk(), (self._folder / name).open("rb") as file:
            for size in self._pieces[name]:
                yield pl.read_ipc_stream(io.BytesIO(file.read(size)))


def _as_bytes(rows: pl.DataFrame) -> memoryview:
    piece = io.BytesIO()
    rows.write_ipc_stream(piece)
    return piece.getbuffer()
