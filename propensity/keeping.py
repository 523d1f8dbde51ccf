"""How many days records must be kept for what is still to be made of them: settings that keep less are refused.

Whoever lets a day go that a training, an outcome or the drift verdict needs would find out weeks later.
"""

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from propensity.settings import Settings

CORRECTED_DAYS: Final = 7
"""How long an outcome may be corrected by a late purchase, and how long a contact counts as touching one."""
FEATURE_DAYS: Final = 30
"""The longest window of a feature."""


def days_of_an_ab(settings: "Settings") -> int:
    """Return how long predictions must be kept so that an A/B's first answers are there at its last look."""
    return math.ceil(settings.experiment_days + 1 + settings.lateness_hours / 24) + 1


def forgets_an_ab(settings: "Settings") -> str:
    """Say that predictions are kept too short for an A/B, which may be begun by hand whatever the mode; empty if not."""
    kept, needed = settings.prediction_retention_days, days_of_an_ab(settings)
    if not 0 < kept < needed:
        return ""
    return (
        f"Predictions are kept for {kept} days, and an A/B counts its users from first answers that are up to {needed} "
        "days old. Raise PROPENSITY_PREDICTION_RETENTION_DAYS, or lower PROPENSITY_EXPERIMENT_DAYS."
    )


def least_days(settings: "Settings") -> dict[str, tuple[int, str]]:
    """Return the days that each kind of record must be kept for what is still to be made of it, and what that is."""
    mature = 1 + settings.lateness_hours / 24
    drift = settings.drift_windows * settings.monitor_window_hours / 24
    cutoffs = settings.max_cutoffs * settings.cutoff_stride_hours / 24
    return {
        "event_retention_days": (
            math.ceil(max(FEATURE_DAYS, settings.burn_in_days) + cutoffs + mature),
            "a training, with the history before its first cutoff and the labels after its last,",
        ),
        "score_retention_days": (
            math.ceil(max(CORRECTED_DAYS, drift) + mature) + 1,
            "joining outcomes, correcting them and judging drift",
        ),
        "outcome_retention_days": (math.ceil(settings.performance_days + mature) + 1, "live performance"),
        "contact_retention_days": (
            math.ceil(settings.performance_days + CORRECTED_DAYS + mature) + 1,
            "telling users whom a campaign touched from the others",
        ),
        "refused_retention_days": (math.ceil(settings.monitor_window_hours / 24) + 1, "the monitor's window"),
        "prediction_retention_days": (
            (days_of_an_ab(settings), "counting the users of an A/B from its first day")
            if settings.experiment_mode == "ab"
            else (2, "watching a rollout")
        ),
    }
