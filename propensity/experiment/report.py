"""What an experiment says today: the two sides, their difference, and whether it may be acted upon.

Each user counts once, by the first outcome after joining, because a user's days are not independent. There are two
intervals: the ordinary one, for who looks once at the end, and the sequence, for who looks every day. Only the sequence
calls a winner, and only while the sides are as large as the split says.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from propensity.bundle import Estimate
from propensity.experiment.design import Design, users_needed
from propensity.experiment.ratio import daily_sample_ratio
from propensity.experiment.sequence import confidence_sequence
from propensity.experiment.split import CHALLENGER, CHAMPION, ExperimentSplit
from propensity.proportions import Arm, SampleRatio, difference

ENOUGH_BUYERS = 30
"""Champion's buyers from which on the observed conversion replaces the one that was planned with."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """An experiment on one day."""

    champion: Arm
    challenger: Arm
    difference: Estimate
    """Challenger less champion, with the 95 % interval that is right for one look."""
    always_valid: Estimate
    """The same with the interval that is right however often it is looked at."""
    sample_ratio: SampleRatio
    """By a test that is right however often it is looked at, too."""
    users_still_needed: int
    """Until the smallest effect that matters is noticed, four times of five; 0 when there are enough."""

    @property
    def winner(self) -> str | None:
        """The side that may be called better today, if any."""
        if not self.sample_ratio.holds:
            return None
        if self.always_valid.low > 0:
            return CHALLENGER
        return CHAMPION if self.always_valid.high < 0 else None


def count_sides(outcomes: Iterable[tuple[str, int]], split: ExperimentSplit) -> tuple[Arm, Arm]:
    """Return champion's and challenger's users and buyers from (user, label) in the order of time; a user counts once."""
    seen, users, buyers = set[str](), {CHAMPION: 0, CHALLENGER: 0}, {CHAMPION: 0, CHALLENGER: 0}
    for user, label in outcomes:
        if user not in seen:
            seen.add(user)
            side = split.side(user)
            users[side] += 1
            buyers[side] += label
    return Arm(users[CHAMPION], buyers[CHAMPION]), Arm(users[CHALLENGER], buyers[CHALLENGER])


def report(champion: Arm, challenger: Arm, *, design: Design) -> Report:
    """Judge the mature outcomes of both sides by what was settled beforehand."""
    found = difference(challenger, champion)
    low, high = confidence_sequence(challenger, champion, planned=design.users, alpha=design.alpha)
    return Report(
        champion=champion,
        challenger=challenger,
        difference=found,
        always_valid=Estimate(found.value, float(low), float(high)),
        sample_ratio=daily_sample_ratio(challenger.users, champion.users, expected=design.share),
        users_still_needed=_still_needed(champion, challenger, design=design),
    )


def _still_needed(champion: Arm, challenger: Arm, *, design: Design) -> int:
    base = design.base if champion.buyers < ENOUGH_BUYERS else champion.buyers / champion.users
    needed = users_needed(
        base, effect=design.effect, share=design.share, power=design.power, alpha=design.alpha
    )
    return max(0, needed - champion.users - challenger.users)
