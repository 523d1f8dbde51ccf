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


def count_volume(store: Store, *, document: ModelDocument, end: int, some_dropped: bool = False) -> Volume:
    """Count the events up to a window's end beside those of the last finished training.

    What has been dropped since is not missed: at least the events that it was trained on are counted, and those that
    came after them. `some_dropped` where they are kept for some days only: a training that did not say up to when it
    read events then counts as having read all that there were at its end.
    """
    trainings = store.ledger.latest(RECENT, KIND)
    trained = trained_events(trainings, champion=document)
    read_until = _read_until(_last_finished(trainings), champion=document, or_its_end=some_dropped)
    events = store.events.count_before(end)
    if read_until is not None:
        events = max(events, trained + events - store.events.count_before(read_until + 1))
    return Volume(
        events=events, trained_events=trained, growth=(events - trained) / trained if trained else None
    )


def trained_events(trainings: list[LedgerEntry], *, champion: ModelDocument) -> int:
    """Return the events of the last finished training; the champion's where the ledger does not say."""
    finished = _last_finished(trainings)
    said = finished.evidence.get("events") if finished else None
    return said if isinstance(said, int) else champion.events


def _read_until(finished: LedgerEntry | None, *, champion: ModelDocument, or_its_end: bool) -> int | None:
    said = finished.evidence.get("watermark") if finished else None
    ended = finished.updated_at if finished else champion.trained_at
    return said if isinstance(said, int) else ended if or_its_end else None


def _last_finished(trainings: list[LedgerEntry]) -> LedgerEntry | None:
    return next((entry for entry in trainings if entry.state == DONE), None)


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
