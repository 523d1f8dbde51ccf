"""Keeps what is stored as long as it was set to be kept, and no longer.

Ages of events, scores, outcomes and contacts are counted back from the newest event: a feed that stopped must not cost the
days that the newest model was made of. Each run drops a bounded number in small steps; what is left over is the next
run's. Settings refuses days that features, trainings or outcomes still need.
"""

import logging
from typing import Final

from propensity.events.event import DAY
from propensity.settings import Settings
from propensity.store import Store
from propensity.store.retention import Kept

logger = logging.getLogger(__name__)

STEP: Final = 10_000
"""Documents in a step: a moment in which other writers wait."""
STEPS: Final = 200
"""Steps for each collection in a run: two million documents, more than six hours bring."""


def drop_old(store: Store, *, settings: Settings, watermark: int, now: int) -> dict[str, int]:
    """Drop what is older than it was set to be kept; return how many documents, by collection."""
    dropped: dict[str, int] = {}
    for kept, days, newest in _kept(settings, watermark=watermark, now=now):
        if days:
            count = _drop(store, kept, before=newest - days * DAY)
            dropped |= {kept: count} if count else {}
    if dropped:
        logger.info("dropped what was too old", extra=dict(dropped))
    return dropped


def _kept(settings: Settings, *, watermark: int, now: int) -> list[tuple[Kept, int, int]]:
    return [
        ("events", settings.event_retention_days, watermark),
        ("scores", settings.score_retention_days, watermark),
        ("outcomes", settings.outcome_retention_days, watermark),
        ("refused", settings.refused_retention_days, now),
        ("predictions", settings.prediction_retention_days, now),
        ("shadows", settings.prediction_retention_days, now),
        ("contacts", settings.contact_retention_days, watermark),
    ]


def _drop(store: Store, kept: Kept, *, before: int) -> int:
    total = 0
    for _ in range(STEPS):
        count = store.retention.drop(kept, before=before, limit=STEP)
        total += count
        if count < STEP:
            break
    return total
