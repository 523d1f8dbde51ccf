"""A browser's side of the websocket, for what no browser would send."""

import time
from contextlib import ExitStack
from typing import Any, Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

SECONDS = 60


class Tab:
    """One websocket, and what came over it last."""

    def __init__(self, address: str) -> None:
        self._open = ExitStack()
        self._socket = self._open.enter_context(
            connect(
                f"ws{address.removeprefix('http')}/_stcore/stream", subprotocols=["streamlit"], max_size=None
            )
        )
        self.session = ""
        self.pages: dict[str, str] = {}
        self.told: list[ForwardMsg] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def send(self, message: BackMsg) -> None:
        self._socket.send(message.SerializeToString())

    def receive(self) -> ForwardMsg:
        content = self._socket.recv(timeout=SECONDS)
        assert isinstance(content, bytes)
        return ForwardMsg.FromString(content)

    def run(self, *widgets: WidgetState, page: str = "", fragment: str = "") -> None:
        """Run a page, or a part of it, and wait until it has run."""
        message = BackMsg()
        message.rerun_script.page_script_hash = self.pages.get(page, "")
        message.rerun_script.fragment_id = fragment
        message.rerun_script.widget_states.widgets.extend(widgets)
        self.send(message)
        self.told = []
        self.listen()

    def listen(self, *, quiet: float = 1.0) -> None:
        """Take what comes until a run has ended and no other one follows, as after a login."""
        ended = 0.0
        while not ended or time.monotonic() < ended + quiet:
            try:
                content = self._socket.recv(timeout=quiet if ended else SECONDS)
            except TimeoutError:
                assert ended, "The page did not end."
                return
            assert isinstance(content, bytes)
            message = ForwardMsg.FromString(content)
            self.told.append(message)
            if message.HasField("new_session"):
                self.session = message.new_session.initialize.session_id
                ended = 0.0
            if message.HasField("navigation"):
                self.pages = {one.page_name: one.page_script_hash for one in message.navigation.app_pages}
            if message.HasField("script_finished"):
                ended = time.monotonic()

    def elements(self, kind: str) -> list[Any]:
        """Return what was drawn of a kind."""
        drawn = [
            one.delta.new_element
            for one in self.told
            if one.HasField("delta") and one.delta.HasField("new_element")
        ]
        return [getattr(one, kind) for one in drawn if one.WhichOneof("type") == kind]

    def fragments(self) -> set[str]:
        return {one.delta.fragment_id for one in self.told if one.HasField("delta")} - {""}

    def log_in(self, password: str) -> None:
        self.run()
        (field,) = self.elements("text_input")
        (button,) = (one for one in self.elements("button") if one.label == "Log in")
        self.run(
            WidgetState(id=field.id, string_value=password), WidgetState(id=button.id, trigger_value=True)
        )

    def errors(self) -> list[str]:
        return [one.body for one in self.elements("alert")]
