"""Marks in place of ids, in feature rows that outlive a user's wish to be forgotten.

A user is a hash keyed with the digest of the bundle that the rows belong to. Drift is judged on users who stand
both in the rows of then and in those of now, so the mark must be the same in both; but it is no id, and that of another
version is another. Who knows an id and has the file can ask whether it is among them: docs/privacy.md says so.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

MARK: Final = "user"
"""The column of marks, in place of `user_id`."""
COPY: Final = "rows of "
"""What the digest of a bundle follows where the store keeps a copy of its rows."""


def row_of(mark: str, *, digest: str) -> str:
    """Return the name under which the store forgets a user's rows of one bundle, which it can't know by the user's id."""
    return f"{COPY}{digest}: {mark}"


def marks(user_ids: Iterable[str], *, digest: str) -> list[str]:
    """Return the marks of users in rows that belong to the bundle of a digest."""
    keyed = hashlib.blake2b(digest_size=8, key=hashlib.sha256(digest.encode()).digest())
    found: dict[str, str] = {}
    for user_id in (asked := list(user_ids)):
        if user_id not in found:
            one = keyed.copy()
            one.update(user_id.encode(errors="surrogatepass"))
            found[user_id] = one.hexdigest()
    return [found[user_id] for user_id in asked]
