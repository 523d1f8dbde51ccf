"""Logs behind addresses: what opens them is never shown, and what fails there is one sentence."""

import logging
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from jobs.ingest import IngestSummary, ingest
from jobs.ingest.addresses import shown
from propensity.errors import InputMissing
from propensity.events.formats import FORMATS
from propensity.store.opening import open_store
from propensity.store.protocol import Store

NOW = 1_700_000_000_000_000
SIGNATURE = "s3cret"
LOG = (
    "user_id,event_type,event_time\nu,view,2020-01-01T00:00:00Z\nhttp://shop/page,look,2020-01-01T00:00:00Z\n"
)


class Shop(BaseHTTPRequestHandler):
    """A web server that gives its log to whoever brings the signature, and fails in other ways for others."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        answers = {"/log.csv": 200, "/broken.csv": 500, "/gone.csv": 404}
        status = answers.get(address.path, 404) if f"signature={SIGNATURE}" in address.query else 403
        body = (LOG + f"{address.query},view,2021-01-01T00:00:00Z\n" * ("part" in address.query)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def take(store: Store, *paths: str) -> IngestSummary:
    return ingest(paths, log_format=FORMATS["propensity"], store=store, now=NOW, max_refused_share=1)


def test_a_signed_url_is_read_and_kept_without_what_signs_it(store: Store, shop: str) -> None:
    summary = take(store, f"http://{shop}/log.csv?signature={SIGNATURE}#{SIGNATURE}")
    assert (summary.inserted, summary.refused) == (1, {"unknown_type": 1})
    records, refused = store.ingests.latest(5), store.refused.latest(5)
    assert [one.file for one in records] == [one.file for one in refused] == [f"http://{shop}/log.csv"]
    assert SIGNATURE not in repr((records, refused))


def test_addresses_that_differ_only_in_what_is_not_shown_are_two_files(store: Store, shop: str) -> None:
    url = f"http://{shop}/log.csv?signature={SIGNATURE}"
    summary = take(store, f"{url}&part=1", f"{url}&part=2", f"{url}&part=2")
    assert (summary.files, summary.rows, summary.inserted) == (2, 6, 3)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/log.csv?signature=wrong-s3cret", "can't be read (HTTP status 403)"),
        (f"/broken.csv?signature={SIGNATURE}", "can't be read (HTTP status 500)"),
        (f"/gone.csv?signature={SIGNATURE}", "There is nothing at"),
    ],
)
def test_what_a_server_answers_is_one_sentence_without_the_address(
    store: Store, shop: str, path: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(InputMissing) as caught:
        take(store, f"http://{shop}{path}")
    assert said in str(caught.value)
    assert f"http://{shop}{path.partition('?')[0]}" in str(caught.value)
    assert SIGNATURE not in "".join(traceback.format_exception(caught.value))
    assert SIGNATURE not in str(
        [record.__dict__ for record in caplog.records if record.name.startswith("jobs")]
    )


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a.csv?k=s3cret", "http://me:s3cret@127.0.0.1:9/a.csv"])
def test_a_server_that_is_away_is_one_sentence(store: Store, url: str) -> None:
    with pytest.raises(InputMissing, match=r"http://127.0.0.1:9/a.csv") as caught:
        take(store, url)
    assert SIGNATURE not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/logs/what?.csv", "/logs/what?.csv"),
        ("s3://bucket/day@shop/a.csv", "s3://bucket/day@shop/a.csv"),
        ("https://host:8080/a.csv", "https://host:8080/a.csv"),
        ("https://me:s3cret@host/a.csv", "https://host/a.csv"),
        ("https://me:s3/cret@host/a.csv", "https://host/a.csv"),
        ("https://me:s3?cret@host/a.csv", "https://host/a.csv"),
        ("https://s3cret@host/a.csv?k=s3cret#s3cret", "https://host/a.csv"),
        ("zip://a.csv::https://me:s3cret@host/a.zip?k=s3cret", "zip://a.csv::https://host/a.zip"),
        ("http://[::1]:80/a.csv?k=s3cret", "http://[::1]:80/a.csv"),
        ("abfs://logs@shop.dfs.core.windows.net/a.csv", "abfs://logs@shop.dfs.core.windows.net/a.csv"),
        ("abfs://logs:s3cret@shop.dfs.core.windows.net/a.csv", "abfs://shop.dfs.core.windows.net/a.csv"),
    ],
)
def test_an_address_is_shown_without_what_opens_it(address: str, name: str) -> None:
    assert shown(address) == name
