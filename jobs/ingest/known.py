"""What was taken in before, told by bytes: a schedule reads a folder every hour and most of it is old.

Only a file that is stored whole has a record, so what a run left half-way is read again, as is a file that is read by
another map. So is one with rows that were refused as future: time makes events of them. A file that has grown begins
with one that has a record, and only what came after that is taken apart.
"""

import hashlib
import sys
from typing import Final

import msgspec

from jobs.ingest.files import LogFile
from propensity.events import Reason
from propensity.events.formats import LogFormat
from propensity.store.protocol import IngestStore
from propensity.store.records import IngestRecord

MANY: Final = 10_000
"""Records looked through for sizes; where there are more, every file is read through."""


def record_id(digest: str, *, source: str, log_format: LogFormat) -> str:
    """Return the id of the record of a file with these bytes, taken in from this source by this format."""
    read_as = msgspec.json.encode(log_format, order="sorted").decode()
    return hashlib.sha256("\0".join((source, read_as, digest)).encode()).hexdigest()


def known_part(
    file: LogFile, *, source: str, log_format: LogFormat, ingests: IngestStore
) -> tuple[IngestRecord | None, bool]:
    """Return the record of the longest beginning of a file of which all there is to have is stored; and if it is all.

    Reads no further than the longest that may be known, and parses nothing. A beginning ends where a line does.
    """
    found: tuple[IngestRecord | None, bool] = (None, False)
    for beginning in file.beginnings(_sizes(file, source=source, ingests=ingests)):
        record = ingests.get(record_id(beginning.digest, source=source, log_format=log_format))
        is_all = beginning.size >= file.size
        if record and Reason.FUTURE not in record.refused and (is_all or beginning.ends_line):
            found = record, is_all
    return found


def _sizes(file: LogFile, *, source: str, ingests: IngestStore) -> set[int]:
    """Return how long a known beginning may be; one size beyond any file where nobody noted it."""
    records = ingests.latest(MANY)
    sizes = {record.bytes for record in records if record.source == source and record.bytes <= file.size}
    if 0 in sizes or not file.size or len(records) == MANY:
        sizes.add(sys.maxsize)
    return sizes - {0}
