"""Files of a log: CSV, gzipped CSV or Parquet by the path's ending, complete or not there at all."""

import gzip
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Final

import polars as pl

from propensity.errors import SettingsError

ENDINGS: Final = (".csv", ".csv.gz", ".parquet")
TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%S%.6fZ"


def write(frames: Iterable[pl.DataFrame], path: Path | str, *, digits: int | None = None) -> int:
    """Write frames of one schema one after the other to a file and return their rows.

    CSV is written frame by frame, with `digits` decimal places where given; Parquet needs all frames at once. Raise
    SettingsError for a path that can't be written.
    """
    path = Path(path)
    ending = next((ending for ending in ENDINGS if path.name.endswith(ending)), None)
    if ending is None:
        raise SettingsError(f"{path} has no known ending: choose one of {', '.join(ENDINGS)}.")
    if not path.parent.is_dir():
        raise SettingsError(f"There is no folder {path.parent}: make it first, or choose another path.")
    with _replacing(path) as file:
        if ending == ".parquet":
            return _write_parquet(frames, file)
        if ending == ".csv":
            return _write_csv(frames, file, digits=digits)
        # No time and no name in the header: the same log is the same bytes. Level 3 takes a third of the time of 6 and is a sixth larger.
        with gzip.GzipFile(filename="", mode="wb", compresslevel=3, fileobj=file, mtime=0) as packed:
            return _write_csv(frames, packed, digits=digits)


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file beside `path` that takes its place once the body has ended well, and is gone otherwise."""
    try:
        file = NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)  # noqa: SIM115
    except OSError as error:
        raise SettingsError(f"{path.parent} can't be written to ({error}): choose another path.") from error
    written = Path(file.name)
    try:
        with file:
            yield file
        written.chmod(0o644)
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)


def _write_csv(frames: Iterable[pl.DataFrame], file: IO[bytes] | gzip.GzipFile, *, digits: int | None) -> int:
    rows = 0
    for number, frame in enumerate(frames):
        text = io.BytesIO()
        frame.write_csv(text, include_header=number == 0, datetime_format=TIME_FORMAT, float_precision=digits)
        file.write(text.getbuffer())
        rows += frame.height
    return rows


def _write_parquet(frames: Iterable[pl.DataFrame], file: IO[bytes]) -> int:
    whole = pl.concat(frames)
    whole.write_parquet(file)
    return whole.height
