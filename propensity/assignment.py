"""Splits users by a seeded hash, so that a user's side needs no table and is the same in every process.

Each use has a namespace of its own: who is held back from campaigns says nothing of who is on which side of an
experiment. BLAKE2b is keyed with namespace and seed, which makes it a different random function for each of them.
"""

import hashlib
from typing import Final

_BITS: Final = 53
"""What a float holds exactly."""


class Split:
    """A place in [0, 1) for each user: uniform, stable, and independent of every other use or seed."""

    def __init__(self, use: str, *, seed: int) -> None:
        """Name the use, such as `campaign control`; at most 40 bytes."""
        self._keyed = hashlib.blake2b(digest_size=8, key=f"{use}:{seed}".encode())

    def place(self, user_id: str) -> float:
        """Return the user's place; those below a share are among those below any larger one."""
        digest = self._keyed.copy()
        digest.update(user_id.encode())
        return float((int.from_bytes(digest.digest()) >> (64 - _BITS)) * 2.0**-_BITS)
