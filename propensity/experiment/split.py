"""Which model answers a user during an experiment: by a hash with a namespace of its own.

A user keeps the side for as long as seed and share stay; a larger share moves users to the challenger only. Who is held
back from campaigns (campaign.selection) is another draw and independent of this one.
"""

from typing import Final

from propensity.assignment import Split

USE: Final = "experiment"
"""Namespace of the split."""
CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"


class ExperimentSplit:
    """Sends a share of the users to the challenger; cheap enough for every request."""

    def __init__(self, *, share: float, seed: int) -> None:
        """Take the challenger's share; each experiment should have a seed of its own."""
        self.share = share
        self._split = Split(USE, seed=seed)

    def side(self, user_id: str) -> str:
        """Return `champion` or `challenger`."""
        return CHALLENGER if self._split.place(user_id) < self.share else CHAMPION
