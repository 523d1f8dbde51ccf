"""Who asks: an app's back end for one user or for many, for somebody unknown, and a client that gets it wrong.

Each behaviour knows the one status that is right for it; any other, a reset connection among them, is a failure. Nothing
is sent twice: locust tries once, and its HTTP client repeats no POST.
"""

import os
import random
from typing import Any, Final

from locust import FastHttpUser, task
from locust.exception import StopUser

KEY: Final = "PROPENSITY_API_KEY"
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


class Asking(FastHttpUser):  # type: ignore[misc]
    """A client with a key that pauses between requests as long as --pause-ms says."""

    abstract = True
    pauses = 1
    """How many times --pause-ms this behaviour pauses."""
    max_retries = 0
    network_timeout = 10.0
    connection_timeout = 10.0

    def on_start(self) -> None:
        """Take the key from the environment: a command line can be read by others."""
        key = os.environ.get(KEY)
        if not key:
            self.environment.process_exit_code = 2
            self.environment.runner.quit()
            raise StopUser(f"There is no API key. Set {KEY}.")
        self.headers = {"Content-Type": "application/json", "X-API-Key": key}
        if self.environment.parsed_options.host_header:
            self.headers["Host"] = self.environment.parsed_options.host_header

    def wait_time(self) -> float:
        """Return a pause in seconds, drawn so that clients do not march in step."""
        pause: float = self.pauses * self.environment.parsed_options.pause_ms / 1000
        return random.uniform(0.5, 1.5) * pause  # noqa: S311 - it spreads load, it guards nothing

    def ask(self, path: str, body: dict[str, Any] | bytes, *, expect: int, name: str) -> None:
        """Send one request; whatever is not answered by the expected status is a failure."""
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        with self.client.post(path, **sent, headers=self.headers, name=name, catch_response=True) as answer:
            if answer.status_code == expect:
                answer.success()
            elif answer.status_code:
                answer.failure(f"status {answer.status_code} instead of {expect}")
            else:  # no answer at all: what happened to the connection is the reason
                answer.failure(repr(answer.error))


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
        self.ask("/predict", shopper(), expect=200, name="single")


class Batch(Asking):
    """Asks for a hundred users at once, and seldom: each request is a hundred lines of the prediction log."""

    weight = 2
    pauses = 25

    @task  # type: ignore[untyped-decorator]
    def predict(self) -> None:
        """Expect a list of predictions."""
        users = [shopper() for _ in range(BATCH)]
        self.ask("/predict/batch", {"users": users}, expect=200, name="batch")


class UnknownUser(Asking):
    """Asks for somebody of whom the service has never heard, and says nothing of them."""

    weight = 1

    @task  # type: ignore[untyped-decorator]
    def predict(self) -> None:
        """Expect to be told so."""
        body = {"user_id": f"nobody-{random.randrange(SHOPPERS)}"}  # noqa: S311
        self.ask("/predict", body, expect=404, name="unknown user")


class BadInput(Asking):
    """Sends what no service should take."""

    weight = 1

    @task  # type: ignore[untyped-decorator]
    def predict(self) -> None:
        """Expect to be refused, each time."""
        self.ask("/predict", random.choice(BAD), expect=422, name="bad input")  # noqa: S311
