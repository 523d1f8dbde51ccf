"""`POST /events`: live events into the store, answered only when they are durable.

The rules are the ingest's own (`propensity.events.validation`); what breaks them is listed in the answer and kept in
the refused table, up to a bound, so that a client gone wrong can't fill the store.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from bentos.scorer.answers import EventsAnswer, RefusedEvent
from bentos.scorer.measures import Measures
from bentos.scorer.problems import no_store, store_away
from bentos.scorer.requests import read_events
from propensity.errors import StoreUnavailable
from propensity.events import Event, Reason, Refusal
from propensity.events.event import MAX_ID_LENGTH, MICROS
from propensity.events.refusal import refuse
from propensity.events.validation import validate
from propensity.store import Store

logger = logging.getLogger(__name__)

SOURCE: Final = "api"
KEPT_A_MINUTE: Final = 1_000
"""Refused items written to the store in a minute; more are answered and counted, not kept."""

NOT_AN_OBJECT: Final = "not_an_object"
MESSAGES: Final[dict[str, str]] = {
    NOT_AN_OBJECT: "An event is no JSON object. Send an object, or a list of objects.",
    Reason.MISSING_EVENT_ID: "event_id is missing. Send the id that your system gave the event.",
    Reason.MISSING_USER: "user_id is missing. Send the id that your system knows the user by.",
    Reason.BAD_ID: "An id is no text of at most 128 characters without control characters. Send a shorter, plain one.",
    Reason.UNKNOWN_TYPE: "event_type is unknown. Send view, favorite, cart, remove_from_cart or purchase.",
    Reason.BAD_TIME: "event_time is no time since 2000. Send ISO 8601 with a zone, or integer microseconds since 1970.",
    Reason.FUTURE: "event_time lies over five minutes in the future. Check the clock and the zone.",
    Reason.BAD_PRICE: "price is no sensible number. Send it in major units, or leave it out.",
    Reason.NEGATIVE_PRICE: "price is negative. Send what was paid, and leave refunds out.",
    Reason.CONFLICT: "This event_id is stored with other content. Send another event under an id of its own.",
}
OTHERWISE: Final = "The item can't be an event. See /docs for what may be sent."


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
        items = read_events(body)
        if self._store is None:
            raise no_store()
        now = self._now()
        judged = [_judge(item, now=now) for item in items]
        events = {index: verdict for index, verdict in enumerate(judged) if isinstance(verdict, Event)}
        reasons = {index: verdict for index, verdict in enumerate(judged) if not isinstance(verdict, Event)}
        try:
            added = self._store.events.add(events.values())
            reasons |= _places(added.conflicts, events)
            self._keep(items, reasons, now=now)
        except StoreUnavailable as error:
            logger.warning("events can't be stored", extra={"why": str(error)})
            raise store_away() from error
        self._measures.refused_events.update(reasons.values())
        refused = [
            RefusedEvent(index, _event_id(items[index]), reason, MESSAGES.get(reason, OTHERWISE))
            for index, reason in sorted(reasons.items())
        ]
        return EventsAnswer(accepted=added.inserted, unchanged=added.unchanged, refused=refused)

    def _keep(self, items: Sequence[Any], reasons: dict[int, str], *, now: int) -> None:
        assert self._store is not None  # noqa: S101 - add has seen to it
        places = sorted(reasons)[: self._take_room(len(reasons), now=now)]
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


def _judge(item: object, *, now: int) -> Event | str:
    if not isinstance(item, dict):
        return NOT_AN_OBJECT
    verdict = validate(item, now=now)
    return verdict._replace(ingested_at=now) if isinstance(verdict, Event) else str(verdict)


def _places(conflicts: Sequence[Event], events: dict[int, Event]) -> dict[int, str]:
    """Return where the conflicting events stand in the request."""
    contents = {event.content for event in conflicts}
    ids = {event.event_id for event in conflicts}
    return {
        index: str(Reason.CONFLICT)
        for index, event in events.items()
        if event.event_id in ids and event.content in contents
    }


def _event_id(item: object) -> str | None:
    found = item.get("event_id") if isinstance(item, dict) else None
    return found if isinstance(found, str) and len(found) <= MAX_ID_LENGTH else None


def _refusal(item: object, *, index: int, reason: str, now: int) -> Refusal:
    raw = msgspec.json.encode(item).decode()
    user_id = item.get("user_id") if isinstance(item, dict) else None
    return refuse(
        source=SOURCE,
        file="",
        line=index + 1,
        reason=reason,
        raw=raw,
        user_id=user_id if isinstance(user_id, str) else None,
        at=now,
    )
