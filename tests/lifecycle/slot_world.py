"""A ledger, a clock and Jobs that stand still until they are moved, for the tests of who gets the training slot."""

from collections.abc import Sequence

from propensity.errors import ClusterUnavailable
from propensity.lifecycle import trainings
from propensity.lifecycle.retraining import request_retraining
from propensity.lifecycle.slot import tend_training
from propensity.lifecycle.trigger import Kind, Trigger
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store

NOW = 1_770_000_000_000_000


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> int:
        return self.time


class Jobs:
    """Starts trainings by name, as the API server does: the same name twice is one Job."""

    def __init__(self) -> None:
        self.made: dict[str, list[str]] = {}
        self.ended: set[int] = set()
        self.away = False

    def start(self, number: int, triggers: Sequence[Trigger]) -> str:
        if self.away:
            raise ClusterUnavailable("The Kubernetes API does not answer. Try again later.")
        self.made.setdefault(f"training-{number}", [trigger.kind for trigger in triggers])
        return f"training-{number}"

    def is_gone(self, number: int) -> bool:
        return number in self.ended


class World:
    """A ledger, a clock and Jobs, and questions put to them in few words."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.clock = Clock()
        self.jobs = Jobs()

    def ask(self, *kinds: Kind, store: Store | None = None) -> LedgerEntry:
        triggers = [
            Trigger(kind=kind, reason=f"Because of {kind}.", window_end=self.clock.time) for kind in kinds
        ]
        return request_retraining(
            triggers,
            store=store or self.store,
            settings=self.settings,
            start=self.jobs.start,
            is_gone=self.jobs.is_gone,
            clock=self.clock,
        )

    def tend(self) -> None:
        tend_training(
            store=self.store,
            settings=self.settings,
            start=self.jobs.start,
            is_gone=self.jobs.is_gone,
            clock=self.clock,
        )

    def training(self) -> LedgerEntry:
        return trainings.recent_trainings(self.store)[0]

    def end(self, verdict: str = "", failure: str = "") -> None:
        entry = self.training()
        evidence = {"verdict": verdict} if verdict else {"failure": failure}
        self.store.ledger.move(
            entry.sequence,
            from_state=entry.state,
            to_state=trainings.DONE if verdict else trainings.FAILED,
            at=self.clock.time,
            evidence=evidence,
        )
