"""`POST /events`: live events into the store, answered only when they are durable.

The rules are the ingest's own (`propensity.events.validation`); what breaks them is listed in the answer and kept in
the refused table, up to a bound, so that a client gone wrong can't fill the store.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from bentos.scorer.answers import EventsAnswer, RefusedEvent
from bentos.scorer.items import Item, judge
from bentos.scorer.measures import Measures
from bentos.scorer.problems import no_store, store_away
from bentos.scorer.requests import read_events
from propensity.errors import StoreUnavailable
from propensity.events import Event, Reason, Refusal
from propensity.events.event import MICROS
from propensity.events.refusal import refuse
from propensity.store import Store

logger = logging.getLogger(__name__)

SOURCE: Final = "api"
KEPT_A_MINUTE: Final = 1_000
"""Refused items written to the store in a minute; more are answered and counted, not kept."""


class Intake:
    """Takes live events in."""

    def __init__(self, store: Store | None, *, measures: Measures, now: Callable[[], int]) -> None:
        self._store = store
        self._measures = measures
        self._now = now
        self._counting = threading.Lock()
        self._minute = 0
        self._kept = 0

    def add(self, body: bytes) -> EventsAnswer:
        """Store the events of a request; a Problem where nothing could be stored. Blocking."""
        raws = read_events(body)
        if self._store is None:
            raise no_store()
        now = self._now()
        items = [judge(raw, now=now) for raw in raws]
        events = {index: item.verdict for index, item in enumerate(items) if isinstance(item.verdict, Event)}
        reasons = {
            index: item.verdict for index, item in enumerate(items) if not isinstance(item.verdict, Event)
        }
        try:
            added = self._store.events.add(events.values())
            reasons |= _places(added.conflicts, events, reason=Reason.CONFLICT)
            reasons |= _places(added.forgotten, events, reason=Reason.FORGOTTEN)
            self._keep(items, reasons, now=now)
        except StoreUnavailable as error:
            logger.warning("events can't be stored", extra={"why": str(error)})
            raise store_away() from error
        self._measures.refused_events.update(reasons.values())
        refused = [
            RefusedEvent(index, items[index].text_of("event_id"), reason, items[index].message(reason))
            for index, reason in sorted(reasons.items())
        ]
        return EventsAnswer(accepted=added.inserted, unchanged=added.unchanged, refused=refused)

    def _keep(self, items: Sequence[Item], reasons: dict[int, str], *, now: int) -> None:
        assert self._store is not None  # noqa: S101 - add has seen to it
        kept = sorted(index for index, reason in reasons.items() if reason != Reason.FORGOTTEN)
        places = kept[: self._take_room(len(kept), now=now)]
        if places:
            self._store.refused.add(
                _refusal(items[index], index=index, reason=reasons[index], now=now) for index in places
            )

    def _take_room(self, wanted: int, *, now: int) -> int:
        """Return how many more refusals may be kept this minute, and count them; requests come in several threads."""
        minute = now // (60 * MICROS)
        with self._counting:
            if minute != self._minute:
                self._minute, self._kept = minute, 0
            room = max(0, min(wanted, KEPT_A_MINUTE - self._kept))
            self._kept += room
        return room


def _places(left_out: Sequence[Event], events: dict[int, Event], *, reason: Reason) -> dict[int, str]:
    """Return where the events that were not stored for this reason stand in the request."""
    contents = {event.content for event in left_out}
    ids = {event.event_id for event in left_out}
    return {
        index: str(reason)
        for index, event in events.items()
        if event.event_id in ids and event.content in contents
    }


def _refusal(item: Item, *, index: int, reason: str, now: int) -> Refusal:
    user_id = item.fields.get("user_id")
    return refuse(
        source=SOURCE,
        file="",
        line=index + 1,
        reason=reason,
        raw=item.raw.decode(errors="backslashreplace"),
        user_id=user_id if isinstance(user_id, str) else None,
        at=now,
    )
