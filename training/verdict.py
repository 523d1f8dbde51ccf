"""What the gate said of a challenger: one word, the numbers behind it, and a sentence for a person."""

from collections.abc import Mapping
from typing import Final, Literal, Self

import msgspec

from propensity.bundle import Estimate

PROMOTED: Final = "promoted"
REFUSED: Final = "refused"
NOT_ENOUGH: Final = "not enough evidence"
UNPROVEN: Final = "unproven"
Word = Literal["promoted", "refused", "not enough evidence", "unproven"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The gate's word and the numbers behind it."""

    word: Word
    reason: str
    """One sentence for a person."""
    positives: int
    """Buyers in the period judged."""
    rows: int
    first_cutoff: int | None
    last_cutoff: int | None
    expected_recall: float
    recall: Estimate | None = None
    """The challenger's, at its threshold; None where there was nothing to judge."""
    difference: Estimate | None = None
    """Average precision of the challenger minus that of the champion."""
    best_baseline: str | None = None
    lead: Estimate | None = None
    """Average precision of the challenger minus that of the best baseline."""

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> Self | None:
        """Return the verdict that stands on a model version, without the numbers behind it; None before there was one."""
        if not tags.get("verdict"):
            return None
        return cls(
            word=tags["verdict"],  # type: ignore[arg-type]  # written by `tags` below
            reason=tags.get("verdict_reason", ""),
            positives=int(tags.get("verdict_positives", 0)),
            rows=0,
            first_cutoff=None,
            last_cutoff=None,
            expected_recall=float(tags.get("verdict_expected_recall", 0)),
        )

    @property
    def promotes(self) -> bool:
        """Whether the challenger becomes champion."""
        return self.word in {PROMOTED, UNPROVEN}

    def tags(self) -> dict[str, str]:
        """Return the verdict as tags of a model version; its word is written last, and says that all are there."""
        numbers = {"recall": self.recall, "difference": self.difference, "lead": self.lead}
        return {
            "verdict_reason": self.reason,
            "verdict_positives": str(self.positives),
            "verdict_expected_recall": f"{self.expected_recall:.4f}",
            "verdict_best_baseline": self.best_baseline or "",
            **{f"verdict_{name}": text(number) for name, number in numbers.items() if number},
            "verdict": self.word,
        }


def text(estimate: Estimate) -> str:
    """Return an estimate as a person reads it."""
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
