"""Sessions whose person has been let in, for all that runs past the pages: uploads, downloads, the websocket."""

from collections.abc import Callable, Iterator
from typing import Final

MOST: Final = 10_000
"""Sessions remembered: a tab each; the oldest are forgotten and could upload again after a click."""


def always() -> bool:
    """Whether the login still holds, where it needs no password."""
    return True


class Admitted:
    """Sessions whose person has been let in, the newest last; each for as long as its password holds."""

    def __init__(self) -> None:
        self._sessions: dict[str, Callable[[], bool]] = {}

    def __contains__(self, session: str) -> bool:
        holds = self._sessions.get(session)
        if holds is None:
            return False
        if holds():
            return True
        self.remove(session)
        return False

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._sessions))

    def add(self, session: str, *, holds: Callable[[], bool] = always) -> None:
        """Let a session in for as long as `holds` says."""
        self._sessions.pop(session, None)
        self._sessions[session] = holds
        while len(self._sessions) > MOST:
            self._sessions.pop(next(iter(self._sessions)), None)

    def remove(self, session: str) -> None:
        """Let it in no more."""
        self._sessions.pop(session, None)


ADMITTED: Final = Admitted()
"""Of this process: Streamlit's sessions live in it too."""
