"""A segment of the spool: a run of frames, each a length, a CRC-32 and a msgpack list of predictions.

What can't be read is handed out as well, with how many records it holds, so that no loss goes uncounted.
"""

import fcntl
import logging
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from propensity.store import Prediction

logger = logging.getLogger(__name__)

_HEAD: Final = struct.Struct("<II")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Prediction])
_any_list = msgspec.msgpack.Decoder(list[msgspec.Raw])


class Frame(NamedTuple):
    """What was appended at once."""

    records: list[Prediction] | None
    """None where they can't be read: torn by a kill, damaged, or of another release."""
    size: int
    """How many they are; one where that can't be told."""


_UNREADABLE: Final = Frame(None, 1)


def framed(predictions: Sequence[Prediction]) -> bytes:
    """Return the frame of these records."""
    content = _encoder.encode(list(predictions))
    return _HEAD.pack(len(content), zlib.crc32(content)) + content


def read_segment(segment: Path) -> Iterator[Frame]:
    """Yield the frames of a segment; a torn one is the last, because nobody knows where the next would begin."""
    with segment.open("rb") as file:
        left = os.fstat(file.fileno()).st_size
        while head := file.read(_HEAD.size):
            left -= len(head)
            length, checksum = _HEAD.unpack(head) if len(head) == _HEAD.size else (0, 0)
            if not 0 < length <= left:
                logger.warning("spooled segment has a torn end", extra={"segment": segment.name})
                yield _UNREADABLE
                return
            left -= length
            yield _frame(file.read(length), checksum=checksum, segment=segment)


def is_being_written(segment: Path) -> bool:
    """Whether a living process holds the segment."""
    try:
        with segment.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        return True
    return False


def _frame(content: bytes, *, checksum: int, segment: Path) -> Frame:
    if zlib.crc32(content) != checksum:
        logger.warning("spooled records are damaged", extra={"segment": segment.name})
        return _UNREADABLE
    try:
        records = _decoder.decode(content)
    except msgspec.DecodeError:
        logger.warning("spooled records are of another release", extra={"segment": segment.name})
        return Frame(None, _length_of(content))
    return Frame(records, len(records))


def _length_of(content: bytes) -> int:
    try:
        return max(1, len(_any_list.decode(content)))
    except msgspec.DecodeError:
        return 1
