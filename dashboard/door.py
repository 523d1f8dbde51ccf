"""The brake on guessing: too many wrong passwords from one address close the door to that address for a while.

Counted by address, for a door that closed for everybody would let any stranger keep everybody out. It stands in the
module and not in one of Streamlit's caches, which pages and people clear.
"""

import ipaddress
import os
import threading
from collections.abc import Callable
from typing import Final

import streamlit as st

from dashboard.roles import Role

MAX_FAILURES: Final = 10
"""Wrong passwords of an address after which nobody gets in from there for a while."""
PAUSE_SECONDS: Final = 60.0
MOST: Final = 10_000
"""Addresses remembered; the one that failed longest ago is forgotten first."""
BEHIND_A_PROXY: Final = "FORWARDED_ALLOW_IPS"
"""Uvicorn's variable that names who may forward others' requests; the chart sets it, for its ingress."""


class Door:
    """Counts wrong passwords by address."""

    def __init__(self) -> None:
        self._failures: dict[str, list[float]] = {}
        self._one_at_a_time = threading.Lock()

    def opens(self, ask: Callable[[], Role | None], *, address: str, now: float) -> Role | None:
        """Return what `ask` says of a password; None, unasked, while the door is shut to this address.

        One attempt after the other, so that a thousand tabs at once are not a thousand guesses; those at a shut door are
        not counted, or guessing on would keep an office out for good because of one person in it.
        """
        with self._one_at_a_time:
            if self.is_shut(address, now):
                return None
            role = ask()
            if role is None:
                self.failed(address, now)
            return role

    def is_shut(self, address: str, now: float) -> bool:
        """Whether there were too many from there lately."""
        return len(self._lately(address, now)) >= MAX_FAILURES

    def failed(self, address: str, now: float) -> None:
        """Remember one."""
        lately = [*self._lately(address, now), now]
        self._failures.pop(address, None)
        self._failures[address] = lately
        while len(self._failures) > MOST:
            self._failures.pop(next(iter(self._failures)))

    def forget(self) -> None:
        """Begin anew."""
        self._failures.clear()

    def _lately(self, address: str, now: float) -> list[float]:
        return [at for at in self._failures.get(address, []) if now - at < PAUSE_SECONDS]


DOOR: Final = Door()
"""Of this process."""


def caller() -> str:
    """Return the address that knocks: behind a proxy what the proxy says, which is the last word in its header."""
    forwarded = st.context.headers.get_all("X-Forwarded-For") if os.environ.get(BEHIND_A_PROXY) else []
    said = forwarded[-1].rpartition(",")[2].strip() if forwarded else st.context.ip_address or ""
    return network(said)


def network(address: str) -> str:
    """Return what stands for a person's address: a household has 2^64 of IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network(f"{found.exploded}/64", strict=False))
