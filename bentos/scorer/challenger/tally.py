"""What this process has seen of an experiment's challenger: for Prometheus at once, for the operator by way of the store."""

from dataclasses import dataclass

from propensity.store import Trial


@dataclass(kw_only=True)
class Tally:
    """Counts of one experiment in one process; every number has one thread that adds to it, or may be a hair off."""

    number: int
    mode: str
    answered: int = 0
    unsound: int = 0
    failed: int = 0
    dropped: int = 0
    deaths: int = 0
    fallbacks: int = 0
    """Users of the challenger's arm whom the champion answered."""
    given_up: str = ""
    is_pods_own: bool = False
    """Whether it was given up for a trouble of this pod's own."""
    started: bool = False
    """Whether its process has verified the model once: until then its users would only wait for nothing."""

    def trial(self, *, boot: str, pod: str, at: int) -> Trial:
        """Return the record that the operator reads."""
        return Trial(
            number=self.number,
            boot=boot,
            pod=pod,
            at=at,
            answered=self.answered,
            unsound=self.unsound,
            failed=self.failed,
            dropped=self.dropped,
            deaths=self.deaths,
            given_up=self.given_up,
            is_pods_own=self.is_pods_own,
        )
