"""What the gate said of a challenger: one word, the numbers behind it, and a sentence for a person."""

from typing import Final, Literal

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

    @property
    def promotes(self) -> bool:
        """Whether the challenger becomes champion."""
        return self.word in {PROMOTED, UNPROVEN}

    def tags(self) -> dict[str, str]:
        """Return the verdict as tags of a model version."""
        numbers = {"recall": self.recall, "difference": self.difference, "lead": self.lead}
        return {
            "verdict": self.word,
            "verdict_reason": self.reason,
            "verdict_positives": str(self.positives),
            "verdict_expected_recall": f"{self.expected_recall:.4f}",
            "verdict_best_baseline": self.best_baseline or "",
            **{f"verdict_{name}": text(number) for name, number in numbers.items() if number},
        }


def text(estimate: Estimate) -> str:
    """Return an estimate as a person reads it."""
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
