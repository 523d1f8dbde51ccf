"""How a row that can't be an event is kept, so that a file's rows and a request's items are named and cut alike.

The id says where the row stands and what it holds, and nothing of when it was read: refused again, it is the same
refusal. A request is no place that lasts, so an item without a file is named by what it holds alone: sent again in
another batch, it is the same refusal too.
"""

import hashlib
from typing import Final

from propensity.events.event import MAX_ID_LENGTH, Refusal

MAX_RAW: Final = 1_000
"""Characters kept of a row: enough to see what is wrong with it, too few to fill a store with."""


def refuse(
    *, source: str, file: str, line: int, reason: str, raw: str, at: int, user_id: str | None = None
) -> Refusal:
    """Return one refusal; `file` is empty for an item of a request."""
    place = (source, file, str(line)) if file else (source, reason)
    named = "\0".join((*place, raw)).encode(errors="backslashreplace")
    return Refusal(
        refusal_id=hashlib.blake2b(named, digest_size=16).hexdigest(),
        source=source,
        file=file,
        line=line,
        reason=str(reason),
        raw=raw[:MAX_RAW],
        user_id=user_id[:MAX_ID_LENGTH] if user_id else None,
        refused_at=at,
    )
