"""A browser beside a cluster: its files come past pods that come and go, and what it saw stands in pytest's log."""

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Response, Route, WebSocket

LOG = logging.getLogger(__name__)


def fetch_steadily(context: "BrowserContext", host: str, at: str) -> None:
    """Fetch what pages on `host` ask for from the address `at`, past Chromium's own network.

    Each pod gives the machine an interface, and takes it away. Chromium takes that for another network, drops what it
    fetches (`net::ERR_NETWORK_CHANGED`), and a page that misses one of its scripts stays empty.
    """
    address = urlsplit(at)

    def fetch(route: "Route") -> None:
        asked = urlsplit(route.request.url)
        if asked.hostname != host:
            route.continue_()
            return
        url = asked._replace(netloc=address.netloc).geturl()
        headers = route.request.headers | {"host": asked.netloc}
        route.fulfill(response=route.fetch(url=url, headers=headers, max_redirects=0))

    context.route("**/*", fetch)


def watch(page: "Page") -> None:
    """Note what a page says, what it could not get, and when its websockets open and close."""
    page.on("console", lambda said: LOG.info("console, %s: %s", said.type, said.text))
    page.on("pageerror", lambda error: LOG.warning("error: %s", error))
    page.on("requestfailed", lambda request: LOG.warning("%s: %s", request.url, request.failure))
    page.on("response", _note_refusal)
    page.on("websocket", _note_websocket)


def describe(page: "Page") -> None:
    """Note what stands on a page."""
    LOG.info("%s shows:\n%s", page.url, page.locator("body").inner_text())


def _note_refusal(answer: "Response") -> None:
    if not answer.ok:
        LOG.warning("%s: %s", answer.url, answer.status)


def _note_websocket(socket: "WebSocket") -> None:
    LOG.info("%s opens", socket.url)
    socket.on("close", lambda _: LOG.info("%s is closed", socket.url))
    socket.on("socketerror", lambda error: LOG.warning("%s: %s", socket.url, error))
