"""`bentoml serve` as a process, asked over real HTTP and over bare sockets."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bentoml
import pytest

from bentos.scorer.server import MAX_CONNECTIONS
from propensity.bundle import Bundle
from propensity.events import Event
from propensity.store import Champion, Store, open_store

pytestmark = pytest.mark.journey

BRIEF = b'{"user_id": "12345", "last_activity_hours": 2.5, "cart_count": 3, "session_duration": 15.2}'
BRIEF_BATCH = b'{"users": [{"user_id": "12345", "cart_count": 3}, {"user_id": "67890", "cart_count": 0}]}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def kept(folder: Path, bundle: Bundle) -> Iterator[Store]:
    """The store of the service that these tests share."""
    with open_store(f"sqlite:///{folder / 'store.db'}") as store:
        store.bundles.put(bundle.digest, bundle.files)
        store.set_champion(Champion(version="7", digest=bundle.digest, verdict="promoted", promoted_at=0))
        yield store


@pytest.fixture(scope="module")
def service(folder: Path, kept: Store, serve: Any, eventually: Callable[..., Any]) -> Iterator[Any]:
    assert kept.champion()
    with serve(
        folder, PROPENSITY_HOME=str(folder), PROPENSITY_STORE_URI=f"sqlite:///{folder / 'store.db'}"
    ) as running:
        eventually(lambda: running.answers("/readyz"), seconds=20)
        yield running


def test_the_briefs_two_requests_answer_200_as_curl_sends_them(service: Any) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert service.client.post("/predict", content=BRIEF, headers=headers).status_code == 200
    answer = service.client.post("/predict/batch", content=BRIEF_BATCH, headers=headers)
    assert [item["user_id"] for item in answer.json()["predictions"]] == ["12345", "67890"]


def test_bentomls_client_can_call_both_endpoints(service: Any) -> None:
    with bentoml.SyncHTTPClient(service.url) as client:
        answer = client.predict(user_id="12345", last_activity_hours=2.5, cart_count=3)
        assert answer["user_id"] == "12345"
        answers = client.predict_batch(users=[{"user_id": "12345", "cart_count": 3}, {"user_id": "nobody"}])
        assert answers["predictions"][1]["error"]["code"] == "unknown_user"
        client._temp_dir.cleanup()


def test_an_event_sent_is_felt_by_the_next_prediction(service: Any, kept: Store) -> None:
    assert service.client.post("/predict", json={"user_id": "fresh"}).status_code == 404
    at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    event = {
        "event_id": "fresh-1",
        "user_id": "fresh",
        "event_type": "cart",
        "event_time": at,
        "product_id": "p",
    }
    assert service.client.post("/events", json=event).json()["accepted"] == 1
    assert service.client.post("/predict", json={"user_id": "fresh"}).json()["features_from"] == "store"
    (stored,) = kept.events.of_user("fresh", since=0, until=2**62, lag=0, limit=2)
    assert isinstance(stored, Event)


def test_no_path_that_a_client_makes_up_becomes_a_label(service: Any) -> None:
    for number in range(20):
        assert service.client.get(f"/made/up/{number}").status_code == 404
    for method in ("PUT", "PROPFIND", "TRACE"):
        assert service.client.request(method, "/predict").status_code == 405
    metrics = service.client.get("/metrics").text
    assert "made" not in metrics
    assert "PROPFIND" not in metrics
    assert "bentoml" not in metrics
    assert 'scorer_requests_total{route="other",status="404"}' in metrics
    assert "process_resident_memory_bytes" in metrics


def converse(service: Any, sent: bytes, *, until: Callable[[bytes], bool]) -> bytes:
    """Send bytes as they are and read until the condition holds or the other side closes."""
    port = int(service.url.rsplit(":", 1)[1])
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(sent)
        while not until(received):
            part = line.recv(65_536)
            if not part:
                break
            received += part
    return received


def head(length: str) -> bytes:
    return f"POST /predict HTTP/1.1\r\nHost: s\r\n{length}\r\n\r\n".encode()


def test_pipelined_requests_are_answered_in_order(service: Any) -> None:
    bodies = [json.dumps({"user_id": f"u{number}", "cart_count": number}).encode() for number in range(5)]
    sent = b"".join(head(f"Content-Length: {len(body)}") + body for body in bodies)
    received = converse(service, sent, until=lambda got: got.count(b'"features_from"') == 5)
    assert re.findall(rb'"user_id":"(u\d)"', received) == [b"u0", b"u1", b"u2", b"u3", b"u4"]
    assert received.count(b"HTTP/1.1 200") == 5


def whole_answer(line: socket.socket, request: bytes) -> bytes:
    """Send a request and read to the end of its answer, in however many pieces it comes."""
    line.sendall(request)
    received = b""
    while not received.endswith(b"}"):
        part = line.recv(65_536)
        assert part, received
        received += part
    return received


def test_an_idle_connection_is_left_to_the_proxy_in_front_to_close(service: Any) -> None:
    port = int(service.url.rsplit(":", 1)[1])
    request = head(f"Content-Length: {len(BRIEF)}") + BRIEF
    with socket.create_connection(("127.0.0.1", port), timeout=6) as line:
        assert whole_answer(line, request).startswith(b"HTTP/1.1 200")
        with pytest.raises(TimeoutError):  # uvicorn's own limit is 5 s, and then a POST on its way is a 502
            line.recv(1)
        assert whole_answer(line, request).startswith(b"HTTP/1.1 200")


def is_closed(line: socket.socket) -> bool:
    """Whether the other side closed a connection over which nothing was asked."""
    try:
        return line.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_idle_connections_beyond_the_bound_are_closed_and_others_are_answered(
    service: Any, eventually: Callable[..., Any]
) -> None:
    address = ("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
    with ExitStack() as stack:
        lines = [
            stack.enter_context(socket.create_connection(address, timeout=10))
            for _ in range(MAX_CONNECTIONS + 20)
        ]
        for line in lines:
            line.setblocking(False)
        eventually(lambda: sum(map(is_closed, lines)) >= 20, seconds=30)
        assert service.client.post("/predict", content=BRIEF).status_code == 200
        assert sum(map(is_closed, lines)) < 100
    eventually(lambda: "idle connections are closed" in service.log)


def test_a_chunked_body_in_pieces_is_one_body(service: Any) -> None:
    pieces = [BRIEF[:10], BRIEF[10:40], BRIEF[40:]]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    received = converse(
        service, head("Transfer-Encoding: chunked") + chunks, until=lambda got: b"features_from" in got
    )
    assert received.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "sent",
    [
        head("Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n",
        head("Transfer-Encoding: chunked") + b"fffffffffffffffffffff\r\n",
        head("Content-Length: -5"),
        head("Content-Length: 5\r\nContent-Length: 6") + b"{}   ",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
        b"GET /predict HTTP/9.9\r\n\r\n",
        b"GET " + b"/" * 200_000 + b" HTTP/1.1\r\nHost: s\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: s\r\nX-Huge: " + b"a" * 1_000_000 + b"\r\n\r\n",
    ],
    ids=[
        "bad chunk",
        "huge chunk",
        "negative length",
        "two lengths",
        "TLS",
        "version",
        "long path",
        "huge header",
    ],
)
def test_what_is_no_http_ends_its_connection_and_nothing_else(service: Any, sent: bytes) -> None:
    try:
        received = converse(service, sent, until=lambda got: b"\r\n\r\n" in got)
    except (ConnectionError, TimeoutError):
        received = b""
    assert not re.match(rb"HTTP/1.1 (2|5)", received) or b"Huge" in sent
    assert not re.match(rb"HTTP/1.1 5", received)
    assert service.client.post("/predict", content=BRIEF).status_code == 200


def test_what_a_client_sent_is_not_in_the_log(service: Any) -> None:
    for body in (b'{"user_id": "SECRET", "cart_count": "SECRET"}', b'{"SECRET": 1}', b"SECRET"):
        service.client.post("/predict", content=body)
        service.client.post("/events", content=body)
    service.client.get("/SECRET")
    assert "SECRET" not in service.log


def test_a_warning_of_the_server_is_in_the_log_once_and_as_ours_are(
    service: Any, eventually: Callable[..., Any]
) -> None:
    before = service.log.count("Invalid HTTP request")
    converse(service, b"GET /predict HTTP/9.9\r\n\r\n", until=lambda got: b"\r\n\r\n" in got)
    eventually(lambda: service.log.count("Invalid HTTP request") > before)
    service.client.get("/livez")
    assert service.log.count("Invalid HTTP request") == before + 1
    (line, *_) = (line for line in service.log.splitlines() if "Invalid HTTP request" in line)
    assert json.loads(line)["logger"] == "uvicorn.error"


def test_at_sigterm_the_log_is_flushed_and_the_process_ends_well(
    folder: Path, kept: Store, serve: Any, eventually: Callable[..., Any]
) -> None:
    before = kept.predictions.count()
    with serve(
        folder, PROPENSITY_HOME=str(folder), PROPENSITY_STORE_URI=f"sqlite:///{folder / 'store.db'}"
    ) as running:
        eventually(lambda: running.answers("/readyz"), seconds=20)
        users = [{"user_id": str(number), "cart_count": 1} for number in range(3_000)]
        assert running.client.post("/predict/batch", json={"users": users}).status_code == 200
        assert running.terminate() == 0
    assert kept.predictions.count() >= before + 3_000
    newest = kept.predictions.latest(3_000)
    assert {p.sequence for p in newest} == set(range(3_000))


def silent_clients(port: int) -> list[socket.socket]:
    """Connect clients that keep what they began: a body that does not come, and an answer that is not read."""
    users = [{"user_id": f"u{number}", "cart_count": 1} for number in range(10_000)]
    body = json.dumps({"users": users}).encode()
    batch = b"POST /predict/batch HTTP/1.1\r\nHost: s\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    lines = []
    for sent in (head("Content-Length: 9"), batch * 4):
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        line.connect(("127.0.0.1", port))
        line.sendall(sent)
        lines.append(line)
    return lines


def test_silent_clients_do_not_keep_the_process_after_sigterm_nor_lose_a_record(
    folder: Path, kept: Store, serve: Any, eventually: Callable[..., Any]
) -> None:
    before = kept.predictions.count()
    with serve(
        folder, PROPENSITY_HOME=str(folder), PROPENSITY_STORE_URI=f"sqlite:///{folder / 'store.db'}"
    ) as running:
        eventually(lambda: running.answers("/readyz"), seconds=20)
        lines = silent_clients(int(running.url.rsplit(":", 1)[1]))
        counted = re.compile(r'scorer_requests_total\{route="/predict/batch",status="200"\} [1-9]')
        eventually(lambda: counted.search(running.client.get("/metrics").text))
        assert running.terminate() == 0
        for line in lines:
            line.close()
    added = kept.predictions.count() - before
    assert added
    assert added % 10_000 == 0


def test_while_the_store_is_away_answers_come_and_their_records_arrive_later(
    tmp_path: Path, bundle: Bundle, serve: Any, eventually: Callable[..., Any]
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    bundle.save(tmp_path / "bundle")
    environment = {
        "PROPENSITY_HOME": str(tmp_path),
        "PROPENSITY_MODEL_PATH": str(tmp_path / "bundle"),
        "PROPENSITY_STORE_URI": f"sqlite:///{gate / 'store.db'}",
    }
    with serve(tmp_path, **environment) as running:
        eventually(lambda: running.answers("/readyz"), seconds=20)
        answer = running.client.post("/predict", content=BRIEF)
        assert (answer.status_code, answer.json()["features_from"]) == (200, "default")
        assert running.client.post("/predict", json={"user_id": "12345"}).status_code == 503
        eventually(lambda: "scorer_spool_bytes 0.0" not in running.client.get("/metrics").text)
        gate.unlink()
        eventually(
            lambda: (
                'scorer_prediction_records_total{state="replayed"} 1.0' in running.client.get("/metrics").text
            )
        )
    with open_store(environment["PROPENSITY_STORE_URI"]) as store:
        assert store.predictions.count() == 1


def test_on_kubernetes_without_keys_it_ends_with_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bentoml", "serve", "bentos.scorer.service:Scorer", "--port", "0"],
        env=os.environ
        | {
            "PROPENSITY_PLATFORM": "kubernetes",
            "PROPENSITY_HOME": str(tmp_path),
            "BENTOML_DO_NOT_TRACK": "True",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "PROPENSITY_API_KEYS_FILE is not set" in done.stderr + done.stdout
