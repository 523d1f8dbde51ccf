"""A canary's stage: whether the challenger's arm is answered as the champion's is, and by the challenger.

Looked at is only what was answered since the share is what it is, newest first, up to a bound. Who may ask the service
can ask it slowly, or for odd users, but both arms alike: who is in which arm is decided by a hash that no client knows.
"""

from collections.abc import Sequence
from math import ceil
from typing import Final

from scipy import stats  # type: ignore[import-untyped]

from propensity.lifecycle.answers import packed_rows, untrue
from propensity.lifecycle.champion import bundle_of
from propensity.lifecycle.experiments import Decision
from propensity.lifecycle.promise import looked_up, off_promise
from propensity.model import Model
from propensity.settings import Settings
from propensity.store import Experiment, LedgerEntry, Prediction, Store

LATEST: Final = 2_000
"""Newest answers of each arm that are looked at."""
MINUTE: Final = 60_000_000
LEAST_ASKED: Final = 50
"""Requests of the challenger's arm before its fallbacks are judged."""
CHANCE: Final = 1e-5
"""What chance may do in one look, of which a stage has hundreds: a version that is called off is rejected for good."""
LEAST_TIMED: Final = 200
"""Answers of each arm before their times are compared: the 99th percentile is the second slowest then."""
SLOW_SHARE: Final = 0.01
OWN_PROCESS_US: Final = 10_000
"""What asking a process of its own may cost a request beyond the ratio; it is gone with the promotion."""


def judge(
    entry: LedgerEntry, experiment: Experiment, *, store: Store, settings: Settings, now: int
) -> Decision:
    """Fail outside the limits; grow, or promote after the last stage, once there was time and traffic enough."""
    since = experiment.stage_at
    theirs = store.predictions.of_arm("challenger", since=since, limit=LATEST)
    ours = store.predictions.of_arm("champion", since=since, limit=LATEST)
    version = experiment.challenger.partition("@")[0]
    numbers = {
        "answers": len(theirs),
        "fallbacks": sum(one.model_version != version for one in theirs),
        "p99 ms": _p99(theirs) / 1_000,
        "champion's p99 ms": _p99(ours) / 1_000,
    }
    why = (
        too_many_fallbacks(theirs, version=version, limit=settings.experiment_fallback_share)
        or too_slow(theirs, ours, ratio=settings.experiment_latency_ratio)
        or _off_promise(theirs, experiment, store=store, settings=settings)
    )
    if why:
        return Decision("fail", f"At {experiment.share:.0%} of users: {why}", numbers)
    is_over = now - since >= settings.experiment_stage_minutes * MINUTE
    if not is_over or len(theirs) < settings.experiment_stage_answers:
        return Decision("wait")
    if experiment.stage + 1 < len(entry.evidence["shares"]):
        return Decision("grow", numbers=numbers)
    return Decision("promote", "As a canary it stayed inside the limits up to its last stage.", numbers)


def too_many_fallbacks(theirs: Sequence[Prediction], *, version: str, limit: float) -> str:
    """Say that the champion had to answer too many of the challenger's users, beyond what chance explains."""
    single = [one for one in theirs if one.route == "predict"]  # a batch shares one deadline, and one fate
    if len(single) < LEAST_ASKED:
        return ""
    fallbacks = sum(one.model_version != version for one in single)
    if stats.binom.sf(fallbacks - 1, len(single), limit) >= CHANCE:
        return ""
    return f"the champion had to answer {fallbacks:,} of {len(single):,} of its requests (limit {limit:.1%})."


def too_slow(theirs: Sequence[Prediction], ours: Sequence[Prediction], *, ratio: float) -> str:
    """Say that more of the challenger's requests take longer than the limit than one in a hundred, beyond chance."""
    timed = [[one for one in arm if one.route == "predict"] for arm in (theirs, ours)]
    if min(map(len, timed)) < LEAST_TIMED:
        return ""
    usual = _p99(timed[1])
    limit = ratio * usual + OWN_PROCESS_US
    slow = sum(one.latency_us > limit for one in timed[0])
    if stats.binom.sf(slow - 1, len(timed[0]), SLOW_SHARE) >= CHANCE:
        return ""
    return (
        f"{slow:,} of {len(timed[0]):,} of its requests take longer than {limit / 1_000:.1f} ms, which one in a "
        f"hundred may: with the champion that one takes {usual / 1_000:.1f} ms."
    )


def _p99(answers: Sequence[Prediction]) -> int:
    """Return the time in microseconds that 99 of 100 single requests did not take longer than; 0 for none."""
    times = sorted(one.latency_us for one in answers if one.route == "predict")
    return times[ceil(0.99 * len(times)) - 1] if times else 0


def _off_promise(
    theirs: Sequence[Prediction], experiment: Experiment, *, store: Store, settings: Settings
) -> str:
    version, _, digest = experiment.challenger.partition("@")
    given = [one for one in theirs if one.model_version == version]
    if len(given) < settings.rollout_watch_users:
        return ""
    model = Model(bundle_of(store, digest))
    return untrue(given, model=model, least=settings.rollout_watch_users) or off_promise(
        packed_rows(looked_up(given), model=model),
        model=model,
        before=experiment.champion,
        store=store,
        settings=settings,
    )
