"""How much the events have grown since the last finished training, whatever its verdict.

A refused challenger has seen the new data too: training on the same again would give the same answer.
"""

from typing import Final

from propensity.bundle import ModelDocument
from propensity.lifecycle.trigger import Trigger
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store
from propensity.store.findings import Volume

KIND: Final = "training"
DONE: Final = "done"
RECENT: Final = 50
"""Trainings looked back at for one that finished."""


def count_volume(store: Store, *, document: ModelDocument, end: int) -> Volume:
    """Count the events up to a window's end beside those of the last finished training."""
    events = store.events.count_before(end)
    trained = trained_events(store.ledger.latest(RECENT, KIND), champion=document)
    return Volume(
        events=events, trained_events=trained, growth=(events - trained) / trained if trained else None
    )


def trained_events(trainings: list[LedgerEntry], *, champion: ModelDocument) -> int:
    """Return the events of the last finished training; the champion's where the ledger does not say."""
    finished = next((entry for entry in trainings if entry.state == DONE), None)
    said = finished.evidence.get("events") if finished else None
    return said if isinstance(said, int) else champion.events


def volume_trigger(found: Volume, *, window_end: int, settings: Settings) -> Trigger | None:
    """Return the reason to retrain, where the events have grown by the set share."""
    if found.growth is None or found.trained_events is None or found.growth < settings.volume_growth:
        return None
    return Trigger(
        kind="volume",
        reason=(
            f"{found.events:,} events are {found.growth:+.0%} since the last training on {found.trained_events:,} "
            f"(limit {settings.volume_growth:+.0%})."
        ),
        evidence={"events": found.events, "trained_events": found.trained_events, "growth": found.growth},
        window_end=window_end,
    )
