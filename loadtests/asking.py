"""A client: its key, its pauses, and one request whose answer is judged.

Whatever is not answered as it must be, a reset connection among it, is a failure. Nothing is sent twice by chance:
locust tries once, and its HTTP client repeats no POST.
"""

import json
import logging
import os
import random
from typing import Any, Final

from locust import FastHttpUser
from locust.exception import StopUser

from loadtests.answers import Check

logger = logging.getLogger(__name__)

KEY: Final = "PROPENSITY_API_KEY"


class Asking(FastHttpUser):  # type: ignore[misc]
    """A client with a key that pauses between requests as long as --pause-ms says."""

    abstract = True
    pauses = 1
    """How many times --pause-ms this behaviour pauses."""
    keys: tuple[str, ...] = (KEY,)
    """Variables that may hold its key; the first that does is taken."""
    max_retries = 0
    network_timeout = 10.0
    connection_timeout = 10.0

    def on_start(self) -> None:
        """Take the key from the environment: a command line can be read by others."""
        key = next(filter(None, map(os.environ.get, self.keys)), None)
        if not key:
            logger.error("There is no API key. Set %s.", self.keys[-1])
            self.environment.process_exit_code = 2
            self.environment.runner.quit()  # which ends this user too
            raise StopUser
        self.headers = {"Content-Type": "application/json", "X-API-Key": key}
        if self.environment.parsed_options.host_header:
            self.headers["Host"] = self.environment.parsed_options.host_header

    def wait_time(self) -> float:
        """Return a pause in seconds, drawn so that clients do not march in step."""
        pause: float = self.pauses * self.environment.parsed_options.pause_ms / 1000
        return random.uniform(0.5, 1.5) * pause  # noqa: S311 - it spreads load, it guards nothing

    def ask(
        self,
        path: str,
        body: dict[str, Any] | bytes,
        *,
        expect: int,
        check: Check,
        name: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Send one request; whatever is not answered by the expected status and as `check` wants it is a failure."""
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        headers = headers or self.headers
        with self.client.post(path, **sent, headers=headers, name=name, catch_response=True) as answer:
            if not answer.status_code:  # no answer at all: what happened to the connection is the reason
                answer.failure(repr(answer.error))
            elif answer.status_code != expect:
                answer.failure(f"status {answer.status_code} instead of {expect}")
            elif wrong := _wrong(answer.text, check=check):
                answer.failure(wrong)
            else:
                answer.success()


def _wrong(text: str, *, check: Check) -> str:
    try:
        said = json.loads(text)
    except ValueError:
        return "the answer is no JSON"
    return check(said)
