"""A load test in a cluster begins when the service answers, and says so where it never does."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from loadtests.bench.server import free_port
from loadtests.waiting import wait


@contextmanager
def ready_after(refusals: int) -> Iterator[str]:
    """Serve /readyz: 503 some times, then 200."""
    asked = []

    class Readyz(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            is_ready = self.path == "/readyz" and len(asked) > refusals
            self.send_response(200 if is_ready else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Readyz) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_service_that_gets_ready_is_waited_for() -> None:
    with ready_after(1) as url:
        assert wait(url, seconds=30) == ""


def test_what_a_service_said_last_is_the_reason_to_give_up() -> None:
    with ready_after(1_000) as url:
        assert "503" in wait(url, seconds=0)
    assert "refused" in wait(f"http://127.0.0.1:{free_port()}", seconds=0)
