"""A browser's websocket, through which Streamlit takes orders from whoever has opened it, the login form included.

Anybody could have the caches of all cleared, and with every message fill 25 MB of memory. A stranger's messages are
few and short, and nobody's clear what others use.
"""

from typing import Final

from google.protobuf.message import DecodeError
from starlette.types import Message, Receive, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from dashboard.admitted import Admitted

STREAM: Final = "/_stcore/stream"
STRANGERS_BYTES: Final = 64 * 1024
"""A login form and its password are a hundredth of it."""
TOO_BIG: Final = 1009
OF_STRANGERS: Final = frozenset({"rerun_script", "stop_script", "app_heartbeat"})
OF_ADMITTED: Final = OF_STRANGERS | {"file_urls_request", "backend_operation_request"}
"""What a page needs: uploads and downloads on top."""


class Stream:
    """Receive and send of one websocket, with what should not reach Streamlit left out."""

    def __init__(self, receive: Receive, send: Send, *, admitted: Admitted) -> None:
        self._receive = receive
        self._send = send
        self._admitted = admitted
        self._session: str | None = None
        """As Streamlit tells the browser with the first page; who was told nothing yet is a stranger."""

    async def receive(self) -> Message:
        """Return the next message that may pass."""
        while True:
            message = await self._receive()
            content = message.get("bytes")
            if message["type"] != "websocket.receive" or content is None:
                return message
            is_in = self._session is not None and self._session in self._admitted
            if not is_in and len(content) > STRANGERS_BYTES:
                await self._send({"type": "websocket.close", "code": TOO_BIG})
                return {"type": "websocket.disconnect", "code": TOO_BIG}
            if _order(content) in (OF_ADMITTED if is_in else OF_STRANGERS):
                return message

    async def send(self, message: Message) -> None:
        """Hand a message on, and note which session it is about."""
        content = message.get("bytes")
        if self._session is None and content is not None:
            told = ForwardMsg.FromString(content)
            if told.HasField("new_session"):
                self._session = told.new_session.initialize.session_id
        await self._send(message)


def _order(content: bytes) -> str | None:
    """Return what a browser asks for; None where it can't be read."""
    try:
        order: str | None = BackMsg.FromString(content).WhichOneof("type")
    except DecodeError:
        return None
    return order
