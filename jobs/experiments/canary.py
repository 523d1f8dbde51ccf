"""A canary's stage: whether the challenger's arm is answered as the champion's is, and by the challenger.

Looked at is only what was answered since the share is what it is, newest first, up to a bound. Who may ask the service
can ask it slowly, or for odd users, but both arms alike: who is in which arm is decided by a hash that no client knows.
"""

from collections.abc import Sequence
from math import ceil
from typing import Final, NamedTuple

from scipy import stats  # type: ignore[import-untyped]

from jobs.experiments.promise import doubt
from propensity.lifecycle.experiments import Decision
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


class Seen(NamedTuple):
    """How many of some requests did what a share of them may do."""

    did: int
    of: int
    may: float

    @property
    def is_above(self) -> bool:
        """Whether it is more than that share, be it by chance."""
        return self.did > self.may * self.of

    @property
    def is_beyond_chance(self) -> bool:
        """Whether it is so much more that no chance explains it."""
        return self.is_above and stats.binom.sf(self.did - 1, self.of, self.may) < CHANCE


def judge(
    entry: LedgerEntry, experiment: Experiment, *, store: Store, settings: Settings, now: int
) -> Decision:
    """Fail beyond the limits; grow, or promote after the last stage, once time and traffic enough passed within them."""
    since = experiment.stage_at
    theirs = store.predictions.of_arm("challenger", since=since, limit=LATEST)
    ours = store.predictions.of_arm("champion", since=since, limit=LATEST)
    version = experiment.challenger.partition("@")[0]
    given = [one for one in theirs if one.model_version == version]
    numbers = {
        "answers": len(theirs),
        "fallbacks": len(theirs) - len(given),
        "p99 ms": _p99(theirs) / 1_000,
        "champion's p99 ms": _p99(ours) / 1_000,
    }
    fallbacks = fallbacks_of(theirs, version=version, limit=settings.experiment_fallback_share)
    slow = slow_of(theirs, ours, ratio=settings.experiment_latency_ratio)
    why = too_many_fallbacks(fallbacks) or too_slow(slow, ours, ratio=settings.experiment_latency_ratio)
    found = (
        Decision("fail", why) if why else _doubt(given, experiment, store=store, settings=settings, now=now)
    )
    if found and found.word == "fail":
        return Decision("fail", f"At {experiment.share:.0%} of users: {found.why}", numbers)
    is_over = now - since >= settings.experiment_stage_minutes * MINUTE
    is_enough = len(theirs) >= settings.experiment_stage_answers
    if found or fallbacks.is_above or slow.is_above or not is_over or not is_enough:
        return Decision("wait")
    if experiment.stage + 1 < len(entry.evidence["shares"]):
        return Decision("grow", numbers=numbers)
    return Decision("promote", "As a canary it stayed inside the limits up to its last stage.", numbers)


def fallbacks_of(theirs: Sequence[Prediction], *, version: str, limit: float) -> Seen:
    """Count the challenger's requests that the champion had to answer."""
    single = _timed(theirs)  # a batch shares one deadline, and one fate
    return Seen(sum(one.model_version != version for one in single), len(single), limit)


def too_many_fallbacks(seen: Seen) -> str:
    """Say that the champion had to answer too many of the challenger's users, beyond what chance explains."""
    if seen.of < LEAST_ASKED or not seen.is_beyond_chance:
        return ""
    return f"the champion had to answer {seen.did:,} of {seen.of:,} of its requests (limit {seen.may:.1%})."


def slow_of(theirs: Sequence[Prediction], ours: Sequence[Prediction], *, ratio: float) -> Seen:
    """Count the challenger's requests that take longer than the limit; none while there are too few to tell by."""
    timed, usual = _timed(theirs), _timed(ours)
    if min(len(timed), len(usual)) < LEAST_TIMED:
        return Seen(0, 0, SLOW_SHARE)
    limit = _slowest(ours, ratio=ratio)
    return Seen(sum(one.latency_us > limit for one in timed), len(timed), SLOW_SHARE)


def too_slow(seen: Seen, ours: Sequence[Prediction], *, ratio: float) -> str:
    """Say that more of the challenger's requests take longer than the limit than one in a hundred, beyond chance."""
    if not seen.is_beyond_chance:
        return ""
    return (
        f"{seen.did:,} of {seen.of:,} of its requests take longer than {_slowest(ours, ratio=ratio) / 1_000:.1f} ms, "
        f"which one in a hundred may: with the champion that one takes {_p99(ours) / 1_000:.1f} ms."
    )


def _slowest(ours: Sequence[Prediction], *, ratio: float) -> float:
    """Return the time in microseconds that one in a hundred of the challenger's requests may take longer than."""
    return ratio * _p99(ours) + OWN_PROCESS_US


def _p99(answers: Sequence[Prediction]) -> int:
    """Return the time in microseconds that 99 of 100 single requests did not take longer than; 0 for none."""
    times = sorted(one.latency_us for one in _timed(answers))
    return times[ceil(0.99 * len(times)) - 1] if times else 0


def _timed(answers: Sequence[Prediction]) -> list[Prediction]:
    return [one for one in answers if one.route == "predict"]


def _doubt(
    given: Sequence[Prediction], experiment: Experiment, *, store: Store, settings: Settings, now: int
) -> Decision | None:
    if len(given) < settings.rollout_watch_users:
        return Decision("wait")
    return doubt(given, experiment, store=store, settings=settings, now=now)
