"""Files that were taken in before, told by their bytes: a schedule reads a folder every hour and most of it is old.

Only a file that is stored whole has a record, so what a run left half-way is read again, as is a file that has grown
or is read by another map. So is one with rows that were refused as future: time makes events of them.
"""

import hashlib

import msgspec

from jobs.ingest.files import LogFile
from propensity.events import Reason
from propensity.events.formats import LogFormat
from propensity.store.protocol import IngestStore


def record_id(digest: str, *, source: str, log_format: LogFormat) -> str:
    """Return the id of the record of a file with these bytes, taken in from this source by this format."""
    read_as = msgspec.json.encode(log_format, order="sorted").decode()
    return hashlib.sha256("\0".join((source, read_as, digest)).encode()).hexdigest()


def is_taken_in(file: LogFile, *, source: str, log_format: LogFormat, ingests: IngestStore) -> bool:
    """Whether all there is to have of a file is in the store; reads the file through, but parses nothing."""
    record = ingests.get(record_id(file.digest(), source=source, log_format=log_format))
    return record is not None and Reason.FUTURE not in record.refused
