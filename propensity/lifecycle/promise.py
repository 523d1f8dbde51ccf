"""Does a model keep, once it serves, what it was promoted on? Asked for a while after its rollout.

Who may ask the service may write any feature row, and so choose any share of answers: what clients send must not be
able to take a good model back. Of such rows only one thing is asked, which nobody outside can forge: that each recorded
answer is the bundle's own. The promise itself, the share of users at or above the threshold on the test days, is asked
of rows that we computed: the newest scores' users, or where nobody is scored, the users whom the service looked up.

Those users are no test days' users, so by as much as the version before would be off its own promise on the very same
rows, the new one may be off, too. What is left is the model's doing, and further off than the tolerance plus three
standard errors it is not the model that was gated.
"""

from collections.abc import Iterable
from functools import partial
from math import sqrt
from typing import Final

from propensity.bundle import Estimate
from propensity.errors import BrokenBundle
from propensity.events.event import DAY
from propensity.lifecycle.answers import NOBODY, Answers, answers_to, packed_rows, untrue
from propensity.lifecycle.champion import bundle_of
from propensity.model import Model
from propensity.settings import Settings
from propensity.store import Champion, LedgerEntry, Prediction, Score, Store

LATEST: Final = 2_000
"""Newest predictions, and scored users, that are looked at."""
ERRORS: Final = 3.0
"""Standard errors of a share that chance is allowed."""
SCORES_LAST: Final = 2 * DAY
"""How old scores may be at a rollout to stand for the users of today."""
LOOKED_UP: Final = "store"
"""Where features came from when the client named a user and no more."""


def broken_promise(rollout: LedgerEntry, champion: Champion, *, store: Store, settings: Settings) -> str:
    """Say how a champion that was rolled out breaks its promise; empty where it keeps it."""
    model = Model(bundle_of(store, champion.digest))
    given = [
        one
        for one in store.predictions.latest(LATEST)
        if one.model_version == champion.version and one.predicted_at >= rollout.at
    ]
    said = untrue(given, model=model, least=settings.rollout_watch_users)
    if said:
        return said
    rows = packed_rows(scored(store, at=rollout.at) or looked_up(given), model=model)
    return off_promise(rows, model=model, before=rollout.evidence["before"], store=store, settings=settings)


def off_promise(rows: list[bytes], *, model: Model, before: str, store: Store, settings: Settings) -> str:
    """Say how far a model is off its promise on these rows, and what came before it is not; empty where it keeps it."""
    promised = model.document.contact_share
    try:
        live = answers_to(rows, model=model)
    except BrokenBundle as error:
        return str(error)
    judge = partial(
        complaint,
        live,
        promised=promised,
        least_users=settings.rollout_watch_users,
        tolerance=settings.rollout_watch_tolerance,
    )
    alone = judge(before=NOBODY, promised_before=promised)
    if not alone:
        return ""  # what came before could only excuse more
    try:
        old = Model(bundle_of(store, before.partition("@")[2]))
        before_it = answers_to(rows, model=old)
    except BrokenBundle:  # nothing is known of these users then
        return alone
    return judge(before=before_it, promised_before=old.document.contact_share)


def complaint(
    live: Answers,
    *,
    promised: Estimate,
    before: Answers,
    promised_before: Estimate,
    least_users: int,
    tolerance: float,
) -> str:
    """Say in a sentence how the answers break the promise; empty where they keep it or there are too few users."""
    if live.users < least_users:
        return ""
    traffic = before.share - promised_before.value if before.users >= least_users else 0.0
    low = _within(min(promised.low, promised.low + traffic))
    high = _within(max(promised.high, promised.high + traffic))
    if low - _slack(low, live, tolerance) <= live.share <= high + _slack(high, live, tolerance):
        return ""
    return (
        f"It puts {live.share:.0%} of {live.users:,} live users at or above its threshold; its test days and the "
        f"traffic make that {low:.0%} to {high:.0%} (tolerance {tolerance:.0%})."
    )


def scored(store: Store, *, at: int) -> list[Score]:
    """Return users of the newest scores, whoever gave them; none where they are too old."""
    cutoffs = store.scores.cutoffs(1)
    if not cutoffs or cutoffs[0] < at - SCORES_LAST:
        return []
    return next(store.scores.scan(cutoffs[0], chunk_rows=LATEST), [])


def looked_up(given: Iterable[Prediction]) -> list[Prediction]:
    """Return the newest answer to each user whose features came from the store alone; given newest first."""
    newest: dict[str, Prediction] = {}
    for one in given:
        if one.features_from == LOOKED_UP:
            newest.setdefault(one.user_id, one)
    return list(newest.values())


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))


def _slack(share: float, live: Answers, tolerance: float) -> float:
    """Return how far from a share is still no break of the promise."""
    return tolerance + ERRORS * sqrt(share * (1 - share) / live.users)
