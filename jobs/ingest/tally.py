"""What was found in the rows so far, and whether too many of them were refused to trust the rest."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from propensity.errors import EventsInFuture, InputError, TooManyRefused, WrongFormat
from propensity.events import Reason

NEARLY_ALL: Final = 0.9
"""Share of refused rows from which a file is of another kind, rather than a bad one of its kind."""
FORM: Final = frozenset({Reason.FIELD_COUNT, Reason.UNKNOWN_TYPE, Reason.BAD_TIME})
"""Reasons that every row has when the file is of another format."""


@dataclass
class Tally:
    """Rows counted by what is wrong with them, with the place of the first of each kind, and the time they span."""

    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    first_time: int | None = None
    last_time: int | None = None
    has_ids: bool = True
    """Whether every event brought an id of its own."""

    @property
    def events(self) -> int:
        """Rows that are events."""
        return self.rows - self.refused.total()

    def add(self, cleaned: pl.DataFrame, *, file: str) -> None:
        """Count a block of cleaned rows of a file."""
        self.rows += cleaned.height
        faulty = pl.col("reason").is_not_null()
        found = cleaned.filter(faulty).group_by("reason").agg(pl.len(), pl.col("line").min())
        for reason, count, line in found.iter_rows():
            self.refused[reason] += count
            self.examples.setdefault(reason, f"{file}:{line}")
        times = pl.col("event_time").filter(~faulty)
        without_id = pl.col("event_id").is_null() & ~faulty
        first, last, nameless = cleaned.select(
            times.min().alias("first"), times.max().alias("last"), without_id.any()
        ).row(0)
        self._span(first, last)
        self.has_ids &= not nameless

    def refuse(self, reason: Reason, count: int, *, place: str) -> None:
        """Count rows that were taken for events as refused after all; `place` is the first one's file and line."""
        self.refused[reason.value] += count
        self.examples.setdefault(reason.value, place)

    def merge(self, other: "Tally") -> None:
        """Add what was found in another file."""
        self.rows += other.rows
        self.refused.update(other.refused)
        self.examples = other.examples | self.examples
        self._span(other.first_time, other.last_time)
        self.has_ids &= other.has_ids

    def judge(self, *, max_share: float, format_name: str, stored: int = 0) -> None:
        """Raise WrongFormat, EventsInFuture or TooManyRefused where more than the set share was refused.

        `stored` is how many of the events are in the store for all that.
        """
        if self.refused.total() > max_share * self.rows:
            raise self._verdict(max_share, format_name, stored)

    def _span(self, first: int | None, last: int | None) -> None:
        self.first_time = min((time for time in (self.first_time, first) if time is not None), default=None)
        self.last_time = max((time for time in (self.last_time, last) if time is not None), default=None)

    def _verdict(self, max_share: float, format_name: str, stored: int) -> InputError:
        refused = self.refused.total()
        worst, count = self.refused.most_common(1)[0]
        said = (
            f"{refused:,} of {self.rows:,} rows ({100 * refused / self.rows:.3g} %) can't be events, "
            f"where {100 * max_share:.3g} % may be: {self._commonest()}. "
            f"{f'{stored:,} events were' if stored else 'Nothing was'} stored."
        )
        if worst == Reason.FUTURE and count * 2 > refused:
            return EventsInFuture(f"{said} Check the time zone of the log and the unit of its times.")
        if worst in FORM and refused > NEARLY_ALL * self.rows:
            return WrongFormat(f"This is no {format_name} log: {said} Check --format or --map.")
        if worst == Reason.CONFLICT:
            return TooManyRefused(
                f"{said} These event_ids are stored with other content: give each event an id of its own, "
                "or allow more by PROPENSITY_MAX_REFUSED_SHARE."
            )
        return TooManyRefused(f"{said} Mend the export, or allow more by PROPENSITY_MAX_REFUSED_SHARE.")

    def _commonest(self) -> str:
        return ", ".join(
            f"{count:,} x {reason} (first at {self.examples[reason]})"
            for reason, count in self.refused.most_common(3)
        )
