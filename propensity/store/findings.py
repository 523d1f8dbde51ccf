"""What the monitor finds: outcomes of scores, and one record for each window and model version.

They stand on the floor because the dashboard shows what the monitor wrote. Times are microseconds since the epoch.
"""

import msgspec

from propensity.bundle import Estimate


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a scored user bought in the 24 hours from the cutoff; kept with the answer, to be measured by itself."""

    user_id: str
    cutoff: int
    label: int
    probability: float
    prediction: int
    model_version: str
    joined_at: int
    corrected_at: int | None = None
    """When a purchase that arrived late made the label 1; it happens once at most."""


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a window's events."""

    events: int
    events_week_before: int
    """In the same hours of the week before; 0 where there was nothing."""
    users: int
    by_type: dict[str, int]
    missing: dict[str, float]
    """Share of events without the field."""
    price_outliers: float
    """Share of prices further from the quartiles than three times their distance, in logarithms."""
    busiest_user_share: float
    """Share of the events that one user made: near 1 is a robot or a lost user id."""
    refused: dict[str, int]
    """Rows refused in the window, by reason."""
    watermark: int
    hours_behind: float
    """From the watermark to the time of the run."""
    longest_silence_hours: float
    """Longest stretch without an event in the week before the window's end."""
    stale: str = ""
    """Why nothing should be decided on these events; empty where all is well."""


class FeatureShift(msgspec.Struct, frozen=True, kw_only=True):
    """How far one feature, or the score, is from the reference."""

    name: str
    shift: float
    """From -1 to 1: P(a value is above the reference's) minus P(below); see docs/drift.md."""
    spread: float
    """The same for the distance from the reference's middle."""
    p_value: float
    """The smaller one of the two."""
    drift: str = ""
    """`up`, `down`, `wider` or `narrower` where it is significant after false-discovery control and large enough to
    matter; empty otherwise."""


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """How far a window's users are from the reference."""

    judged: bool
    """False where there was too little to judge by; `reason` says what."""
    reason: str
    users: int = 0
    reference_users: int = 0
    cutoffs: list[int] = []
    reference_cutoffs: list[int] = []
    """Those the window's cutoffs were compared with: the nearest in weekday and hour."""
    features: list[FeatureShift] = []
    persistent: list[str] = []
    """Features that drifted the same way in enough of the last windows."""


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """How well a version's answers came true, on mature outcomes of untreated users."""

    judged: bool
    reason: str
    first_cutoff: int | None = None
    last_cutoff: int | None = None
    rows: int = 0
    users: int = 0
    positives: int = 0
    metrics: dict[str, Estimate] = {}
    expected_f1: float | None = None
    """The version's F1 on its test days, recomputed at this window's share of buyers."""
    f1_limit: float | None = None


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """How much the events have grown since the last finished training."""

    events: int
    trained_events: int | None = None
    growth: float | None = None


class MonitorWindow(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of the monitor found and decided; one for each version and window end, never changed."""

    version: str
    start: int
    end: int
    at: int
    """When the monitor ran."""
    quality: Quality
    drift: Drift
    performance: Performance | None = None
    """None in a window that was only caught up on."""
    volume: Volume | None = None
    decision: str = ""
    """The ledger's word; empty in a window that was only caught up on."""
    reason: str = ""
    sequence: int | None = None
    """Of the ledger entry."""
    report: str = ""
    """Name of the drift report in the store; empty where none was made."""
