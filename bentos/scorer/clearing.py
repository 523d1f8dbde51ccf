"""Takes forgotten users out of a spooled segment: written anew beside it, synced, and put in its place by a rename.

What can't be read is left out too: nobody can tell whom it names. A kill leaves the old segment or the new one, and at
most a copy under another name, which the next process removes.
"""

import os
from pathlib import Path
from typing import Final, NamedTuple

from bentos.scorer.segments import framed, read_segment
from propensity.store.forgotten import Forgotten

NEW: Final = ".new"


class Cleared(NamedTuple):
    """What was taken out of a segment."""

    forgotten: int = 0
    unreadable: int = 0


def clear_segment(segment: Path, forgotten: Forgotten) -> Cleared:
    """Rewrite a segment without forgotten users' records; it is deleted where nothing is left. OSError leaves it whole."""
    gone = unreadable = 0
    frames: list[bytes] = []
    for frame in read_segment(segment):
        if frame.records is None:
            unreadable += frame.size
            continue
        kept = forgotten.records(frame.records)
        gone += len(frame.records) - len(kept)
        if kept:
            frames.append(framed(kept))
    if gone or unreadable:
        _replace(segment, b"".join(frames))
    return Cleared(gone, unreadable)


def _replace(segment: Path, content: bytes) -> None:
    if not content:
        segment.unlink()
        return
    fresh = segment.with_name(f"{segment.name}.{os.getpid()}{NEW}")  # two may clear one folder at once
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(segment)
    folder = os.open(segment.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
