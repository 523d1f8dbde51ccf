"""What a caller can ask of the simulator, checked once, here; the constants behind it are in `process`."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from propensity.errors import SettingsError
from propensity.events.event import DAY, EARLIEST_TIME, MICROS
from propensity.simulate.process import Process

MAX_DAYS: Final = 3_660
MAX_USERS: Final = 5_000_000


class Drift(StrEnum):
    """What changes on the day of the drift."""

    NONE = "none"
    """Nothing: a control run, equal to one without a drift day."""
    INTENT = "intent"
    """Missions become rarer and shorter and buy less, browsing buys more: an old model ranks worse."""
    MIX = "mix"
    """Views give way to favourites and carts; who buys when stays as it was."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One synthetic shop: the same scenario is the same log, byte for byte."""

    users: int = 4_000
    """Users who may appear; default 4,000, enough for some 240 buyers a day."""
    days: int = 60
    """Length of the log in days; default 60: 30 for the features' longest window, 30 to learn and test on."""
    seed: int = 7
    """Which of the possible logs; any integer from 0."""
    start: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    """First instant of the log, with a time zone; default 2026-01-01T00:00Z, because the simulator has no clock."""
    drift_at: int | None = None
    """Day, counted from 0, on whose first instant the drift sets in; default None: no drift."""
    drift: Drift = Drift.INTENT
    """What the drift changes; default `intent`, the kind that costs a model its performance."""
    strength: float = 1.0
    """How much of the drift, from 0 (none) to 1; default 1, which a monitor must not miss."""
    process: Process = field(default_factory=Process)
    """The constants of users and shop; the default ones are what the tests measure."""

    def __post_init__(self) -> None:
        _require(1 <= self.users <= MAX_USERS, f"users is {self.users}: choose between 1 and {MAX_USERS:,}.")
        _require(1 <= self.days <= MAX_DAYS, f"days is {self.days}: choose between 1 and {MAX_DAYS:,}.")
        _require(self.seed >= 0, f"seed is {self.seed}: choose an integer from 0.")
        _require(self.start.tzinfo is not None, "start has no time zone: give one, as in 2026-01-01T00:00Z.")
        _require(
            self.start_time >= EARLIEST_TIME, f"start is {self.start}: choose a time from the year 2000 on."
        )
        _require(0 <= self.strength <= 1, f"strength is {self.strength}: choose between 0 and 1.")
        _require(self.drift in set(Drift), f"drift is {self.drift!r}: choose one of {', '.join(Drift)}.")
        _require(
            self.drift_at is None or 0 < self.drift_at < self.days,
            f"drift_at is {self.drift_at}: choose a day from 1 to {self.days - 1}, or None for no drift.",
        )

    @property
    def start_time(self) -> int:
        """First instant, in microseconds since the epoch."""
        since_epoch = self.start - datetime.fromtimestamp(0, UTC)
        return (since_epoch.days * 86_400 + since_epoch.seconds) * MICROS + since_epoch.microseconds

    @property
    def end_time(self) -> int:
        """First instant after the log, in microseconds since the epoch."""
        return self.start_time + self.days * DAY

    @property
    def drift_time(self) -> int:
        """The instant of the drift, in microseconds since the epoch; the end of the log where there is none."""
        return self.end_time if self.drift_at is None else self.start_time + self.drift_at * DAY

    @property
    def drifted_process(self) -> Process:
        """The constants after the drift."""
        if self.drift == Drift.INTENT:
            return self.process.with_drifted_intent(self.strength)
        if self.drift == Drift.MIX:
            return self.process.with_drifted_mix(self.strength)
        return self.process


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise SettingsError(sentence)
