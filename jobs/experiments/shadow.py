"""A shadow has shown enough when so many copies were answered, by probabilities, as its bundle says and its test days promise."""

from jobs.experiments.promise import doubt
from propensity.lifecycle.experiments import Decision
from propensity.settings import Settings
from propensity.store import Experiment, LedgerEntry, Store


def judge(
    _entry: LedgerEntry, experiment: Experiment, *, store: Store, settings: Settings, now: int
) -> Decision:
    """Promote after enough sound answers; fail for one that is no probability, or a share that was not promised."""
    trials = store.experiments.trials(experiment.number)
    numbers = {
        name: sum(getattr(trial, name) for trial in trials)
        for name in ("answered", "unsound", "failed", "dropped", "deaths")
    }
    if numbers["unsound"]:
        return Decision("fail", f"{numbers['unsound']:,} of its answers are no probability.", numbers)
    least = settings.experiment_shadow_answers
    if numbers["answered"] < least:
        return Decision("wait")
    version = experiment.challenger.partition("@")[0]
    given = [
        one
        for one in store.shadows.latest(least)
        if one.model_version == version and experiment.started_at <= one.predicted_at <= now
    ]
    if len(given) < least:
        return Decision("wait")  # some are on their way through a log
    found = doubt(given, experiment, store=store, settings=settings, now=now)
    if found is not None:
        return found._replace(numbers=numbers)
    return Decision("promote", f"As a shadow it answered {numbers['answered']:,} copies soundly.", numbers)
