"""What an ingest tells its caller; how it reads on a terminal or a page is theirs."""

import msgspec


class IngestSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the named files held and what became of it."""

    source: str
    files: int
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

    @property
    def refused_share(self) -> float:
        """Share of all rows that were refused."""
        return sum(self.refused.values()) / self.rows if self.rows else 0.0
