"""The judge of the experiment that is on: asks what its mode asks, after what every mode asks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from jobs.experiments import ab, canary, shadow
from propensity.events.event import DAY
from propensity.lifecycle.experiments import Decision
from propensity.settings import Settings
from propensity.store import Experiment, LedgerEntry, Store

_JUDGES: Final = {"shadow": shadow.judge, "canary": canary.judge, "ab": ab.judge}


@dataclass(frozen=True, kw_only=True)
class Judging:
    """lifecycle.experiments.Judge on what the pods wrote into the store."""

    store: Store
    settings: Settings
    clock: Callable[[], int]

    def __call__(self, entry: LedgerEntry, experiment: Experiment) -> Decision:
        """Say how the experiment goes on."""
        given_up = [one for one in self.store.experiments.trials(experiment.number) if one.given_up]
        if given_up:
            return Decision("fail", f"Pod {given_up[0].pod} gave it up: {given_up[0].given_up}")
        now = self.clock()
        decision = _JUDGES[experiment.mode](
            entry, experiment, store=self.store, settings=self.settings, now=now
        )
        if decision.word == "wait" and now - experiment.started_at > self.settings.experiment_days * DAY:
            return Decision("stop", f"It came to no end within {self.settings.experiment_days:g} days.")
        return decision
