"""What stands before Streamlit's own routes: nobody uploads before the login, no other site frames the pages.

Streamlit knows no login of ours: it takes 20 MB into memory for whoever has opened the page, the login form included,
as often as they ask; and it tells anybody its cache sizes and session counts. A page in a foreign frame would let that
site steal clicks on the buttons (OWASP, "Clickjacking").
"""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.admitted import ADMITTED, Admitted
from dashboard.stream import STREAM, Stream

UPLOADS: Final = "/_stcore/upload_file/"
METRICS: Final = "/_stcore/metrics"
HEADERS: Final = {
    "content-security-policy": "frame-ancestors 'self'",
    "x-frame-options": "SAMEORIGIN",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


class Wall:
    """ASGI middleware that turns strangers' uploads and orders away, and says who may frame the pages."""

    def __init__(self, app: ASGIApp, *, admitted: Admitted = ADMITTED) -> None:
        self._app = app
        self._admitted = admitted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "websocket" and scope["path"].rstrip("/").endswith(STREAM):
            stream = Stream(receive, send, admitted=self._admitted)
            await self._app(scope, stream.receive, stream.send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(scope["path"])
        await (refusal or self._app)(scope, receive, marked)

    def _refusal(self, path: str) -> PlainTextResponse | None:
        _, upload, place = path.partition(UPLOADS)
        if upload and place.partition("/")[0] not in self._admitted:
            return PlainTextResponse("Log in first.", status_code=403)
        if path.rstrip("/").endswith(METRICS):
            return PlainTextResponse("Not here.", status_code=404)
        return None
