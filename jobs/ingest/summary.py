"""What an ingest tells its caller; how it reads on a terminal or a page is theirs."""

import msgspec


class IngestSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the named files held and what became of it."""

    source: str
    files: int
    """Files that were read."""
    skipped: int
    """Files that were not, because they were taken in before as they are."""
    rows: int
    inserted: int
    unchanged: int
    """Events that were in the store already, or stand in more than one of the files."""
    refused: dict[str, int]
    """Rows by value of events.Reason."""
    first_time: int | None
    """Microseconds since the epoch of the earliest event; None where every row was refused."""
    last_time: int | None
    seconds: float
