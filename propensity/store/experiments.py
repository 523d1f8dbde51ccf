"""An experiment between champion and challenger, as its two sides tell each other of it through the store.

The operator says what is on; each scorer pod reads it, and says in a trial what it saw of the challenger. Neither knows
the other. Times are microseconds since the epoch.
"""

from typing import Literal

import msgspec

Mode = Literal["shadow", "ab", "canary"]
Arm = Literal["champion", "challenger"]


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """The experiment that is on; there is one at most."""

    number: int
    """Of its entry in the ledger."""
    mode: Mode
    challenger: str
    """`version@sha256:…`; its bundle is in the store."""
    champion: str
    """Whom it is compared with: a pod that serves another one leaves the experiment alone."""
    seed: int
    """Of the split; each experiment has its own."""
    share: float
    """Of users whom the challenger answers; 0 for a shadow."""
    stage: int = 0
    """Counts up by one whenever a canary's share grows."""
    started_at: int
    stage_at: int
    """Since when the share is what it is."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What one scorer process has seen of an experiment's challenger so far."""

    number: int
    """Of the experiment."""
    boot: str
    """Names the process; its newest record takes the place of the one before."""
    pod: str
    at: int
    answered: int = 0
    """Rows that got a probability."""
    unsound: int = 0
    """Rows whose answer was no probability."""
    failed: int = 0
    """Rows that got no answer in time."""
    dropped: int = 0
    """Copies that were never put to it, for want of room or of features."""
    deaths: int = 0
    """How often its process ended or had to be ended."""
    given_up: str = ""
    """Why this pod asks it no more; empty while it does."""
    is_pods_own: bool = False
    """Whether that is the pod's trouble, as where no process can be started, and says nothing of the challenger."""
