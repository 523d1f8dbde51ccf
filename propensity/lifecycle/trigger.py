"""A trigger: one reason to retrain, with the evidence that a person or an auditor would ask for."""

from typing import Any, Literal

import msgspec

Kind = Literal["volume", "performance", "drift", "manual"]


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """One reason of the moment; all reasons of a moment attach to one training."""

    kind: Kind
    reason: str
    """One sentence with its numbers, for a person."""
    evidence: dict[str, Any] = {}
    window_end: int
    """End of the window the evidence is about, microseconds since the epoch; for `manual` when it was asked for."""
