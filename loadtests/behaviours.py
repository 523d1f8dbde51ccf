"""Who asks: an app's back end for one user or for many, for somebody unknown, a client that gets it wrong, an app's events.

Each behaviour knows the one status that is right for it, and what the answer has to say.
"""

import os
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from locust import events, task

from loadtests.answers import error_of, events_taken, prediction_of, predictions_of
from loadtests.asking import KEY, Asking

EVENTS_KEY: Final = "PROPENSITY_EVENTS_KEY"
"""Of the scope `events`; where it is not set, the other key is taken for both."""
SHOPPERS: Final = 100_000
BATCH: Final = 100
BAD: Final = (
    b'{"user_id": "12345", "cart_count": "3"}',
    b'{"user_id": "12345", "cart_count": -1}',
    b'{"user_id": "12345", "basket": 1}',
    b'{"user_id": 12345, "cart_count": 3}',
    b'{"user_id": "12345", "cart_count": NaN}',
    b'{"user_id": "12345"',
    b"[]",
)


def shopper() -> dict[str, Any]:
    """Return a user with the features of the brief."""
    return {
        "user_id": f"shopper-{random.randrange(SHOPPERS)}",  # noqa: S311
        "last_activity_hours": round(random.uniform(0, 72), 1),  # noqa: S311
        "cart_count": random.randrange(6),  # noqa: S311
        "session_duration": round(random.uniform(0, 40), 1),  # noqa: S311
    }


class Single(Asking):
    """Asks for one user whose features it knows."""

    weight = 12

    @task  # type: ignore[untyped-decorator]
    def predict(self) -> None:
        """Expect a prediction."""
        user = shopper()
        self.ask("/predict", user, expect=200, check=prediction_of(user["user_id"]), name="single")


class Batch(Asking):
    """Asks for a hundred users at once, and seldom: each request is a hundred lines of the prediction log."""

    weight = 2
    pauses = 25

    @task  # type: ignore[untyped-decorator]
    def predict(self) -> None:
        """Expect a list of predictions."""
        users = [shopper() for _ in range(BATCH)]
        check = predictions_of([user["user_id"] for user in users])
        self.ask("/predict/batch", {"users": users}, expect=200, check=check, name="batch")


class UnknownUser(Asking):
    """Asks for somebody of whom the service has never heard, and says nothing of them."""

    weight = 1

    @task  # type: ignore[untyped-decorator]
    def predict(self) -> None:
        """Expect to be told so."""
        body = {"user_id": f"nobody-{random.randrange(SHOPPERS)}"}  # noqa: S311
        self.ask("/predict", body, expect=404, check=error_of("unknown_user"), name="unknown user")


class BadInput(Asking):
    """Sends what no service should take."""

    weight = 1

    @task  # type: ignore[untyped-decorator]
    def predict(self) -> None:
        """Expect to be refused, each time."""
        body = random.choice(BAD)  # noqa: S311
        self.ask("/predict", body, expect=422, check=error_of("invalid"), name="bad input")


class Events(Asking):
    """Sends what users do, each event twice, as a client does that never saw the first answer; then asks for the user.

    It writes into the store, from which models are trained, so it runs only where it is named.
    """

    weight = 2
    pauses = 5
    keys = (EVENTS_KEY, KEY)

    def on_start(self) -> None:
        """Take the key of the scope `predict` as well."""
        super().on_start()
        self._asking = {**self.headers, "X-API-Key": os.environ.get(KEY, self.headers["X-API-Key"])}

    @task  # type: ignore[untyped-decorator]
    def send(self) -> None:
        """Expect the event to be new once, known the second time, and to be felt by the next prediction."""
        event = happening()
        self.ask("/events", event, expect=202, check=events_taken(accepted=1, unchanged=0), name="event")
        self.ask(
            "/events", event, expect=202, check=events_taken(accepted=0, unchanged=1), name="event again"
        )
        self.ask(
            "/predict",
            {"user_id": event["user_id"]},
            expect=200,
            check=prediction_of(event["user_id"]),
            name="user of an event",
            headers=self._asking,
        )


def happening() -> dict[str, Any]:
    """Return an event of a few seconds ago of a user who is new."""
    number = uuid.uuid4().hex
    return {
        "event_id": f"load-{number}",
        "user_id": f"load-{number[:12]}",
        "event_type": random.choice(("view", "cart")),  # noqa: S311
        "event_time": (datetime.now(UTC) - timedelta(seconds=5)).isoformat(),
        "product_id": "load-test",
    }


def listen() -> None:
    """Have locust leave out what writes, unless it was named."""
    events.init.add_listener(leave_out_events)


def leave_out_events(environment: Any, **_: object) -> None:
    """Leave `Events` out where no behaviour was named."""
    if not environment.parsed_options.user_classes:
        environment.user_classes = [one for one in environment.user_classes if one is not Events]
