"""The judge of the experiment that is on: asks what its mode asks, after what every mode asks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from jobs.experiments import ab, canary, shadow
from propensity.events.event import DAY, HOUR
from propensity.lifecycle.experiments import Decision
from propensity.settings import Settings
from propensity.store import Experiment, LedgerEntry, Store

_JUDGES: Final = {"shadow": shadow.judge, "canary": canary.judge, "ab": ab.judge}

GRACE: Final = 2 * HOUR
"""After its last day, for a last judgement; then it ends without one, as where a look fails again and again."""


@dataclass(frozen=True, kw_only=True)
class Judging:
    """lifecycle.experiments.Judge on what the pods wrote into the store."""

    store: Store
    settings: Settings
    clock: Callable[[], int]

    def __call__(self, entry: LedgerEntry, experiment: Experiment) -> Decision:
        """Say how the experiment goes on."""
        now = self.clock()
        over = now - experiment.started_at - self.settings.experiment_days * DAY
        if over > GRACE:
            return Decision("stop", f"{self._no_end}, and could not be judged since.")
        given_up = [one for one in self.store.experiments.trials(experiment.number) if one.given_up]
        if given_up:
            worst = min(given_up, key=lambda one: one.is_pods_own)
            why = f"Pod {worst.pod} gave it up: {worst.given_up}"
            return Decision("stop" if worst.is_pods_own else "fail", why)
        decision = _JUDGES[experiment.mode](
            entry, experiment, store=self.store, settings=self.settings, now=now
        )
        if decision.word == "wait" and over > 0:
            return Decision("stop", f"{self._no_end}. {decision.why}".strip())
        return decision

    @property
    def _no_end(self) -> str:
        return f"It came to no end within {self.settings.experiment_days:g} days"
