"""Whether a challenger keeps its promise, as far as there are users to tell by.

Those are users whose features the store knew, or where the service looked up too few, the users of the newest scores. Where
there are neither, nothing is known of it, and nobody should be moved to it for that.
"""

from collections.abc import Iterator, Sequence

from propensity.lifecycle.answers import packed_rows, untrue
from propensity.lifecycle.champion import bundle_of
from propensity.lifecycle.experiments import Decision
from propensity.lifecycle.promise import looked_up, off_promise, scored
from propensity.model import Model
from propensity.settings import Settings
from propensity.store import Experiment, Prediction, Score, Store


def doubt(
    given: Sequence[Prediction], experiment: Experiment, *, store: Store, settings: Settings, now: int
) -> Decision | None:
    """Say `fail` where its answers are not its own or off its promise, `wait` where that can't be told; None if sound."""
    least = settings.rollout_watch_users
    model = Model(bundle_of(store, experiment.challenger.partition("@")[2]))
    why = untrue(given, model=model, least=least)
    if why:
        return Decision("fail", why)
    for users in _users(given, store=store, now=now):
        rows = packed_rows(users, model=model)
        why = off_promise(rows, model=model, before=experiment.champion, store=store, settings=settings)
        if why:
            return Decision("fail", why)
        if len(set(rows)) >= least:
            return None
    return Decision(
        "wait", f"Fewer than {least:,} users were looked up or scored: its promise can't be judged."
    )


def _users(given: Sequence[Prediction], *, store: Store, now: int) -> Iterator[Sequence[Score | Prediction]]:
    yield looked_up(given)
    yield scored(store, at=now)
