"""An A/B on mature outcomes: who bought within 24 hours of being first answered, in either arm.

Each user counts once, from that first answer, bought or not; the purchases are those that the store knows by now. The
rule for ending it may be looked at every day (propensity.experiment.sequence), and was settled before the first user.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from jobs.experiments.canary import LATEST, fallbacks_of, too_many_fallbacks
from propensity.bundle import ModelDocument
from propensity.events.event import HOUR
from propensity.experiment.design import Design
from propensity.experiment.report import Report, report
from propensity.experiment.split import CHALLENGER, CHAMPION
from propensity.features.definition import LABEL_WINDOW
from propensity.lifecycle.champion import bundle_of
from propensity.lifecycle.experiments import Decision
from propensity.proportions import Arm
from propensity.settings import Settings
from propensity.store import Experiment, LedgerEntry, Store

UNKNOWN_BASE: Final = 0.05
"""Conversion to plan with where the champion's card names none."""
LOWEST_BASE: Final = 0.001


class Found(NamedTuple):
    """An A/B's report and the design that it is judged by."""

    report: Report
    design: Design
    until: int
    """Users first answered before this have mature outcomes."""


def judge(
    entry: LedgerEntry, experiment: Experiment, *, store: Store, settings: Settings, now: int
) -> Decision:
    """Promote or fail by the sequence; stop without a winner where the sides are not as split, or enough was seen."""
    version = experiment.challenger.partition("@")[0]
    newest = store.predictions.of_arm("challenger", since=experiment.started_at, limit=LATEST)
    why = too_many_fallbacks(fallbacks_of(newest, version=version, limit=settings.experiment_fallback_share))
    if why:
        return Decision("fail", f"As one side of an A/B: {why}")
    if now - entry.evidence.get("looked at", 0) < settings.experiment_look_hours * HOUR:
        return Decision("wait")
    effect = entry.evidence["effect"]
    found = look(experiment, effect=effect, store=store, settings=settings, now=now)
    return decide(found, numbers=numbers_of(found), now=now)


def decide(found: Found, *, numbers: dict[str, Any], now: int) -> Decision:
    """Decide from one day's report."""
    seen, users = found.report, found.report.champion.users + found.report.challenger.users
    told = f"{seen.difference.value:+.2%} [{seen.always_valid.low:+.2%}, {seen.always_valid.high:+.2%}]"
    if not seen.sample_ratio.holds:
        ratio = seen.sample_ratio
        why = f"{ratio.observed:.2%} of users were on the challenger's side instead of {ratio.expected:.2%}."
        return Decision("stop", f"Its sides can't be compared: {why}", numbers)
    if seen.winner == CHALLENGER:
        return Decision("promote", f"Its users bought more: {told}, {users:,} users.", numbers)
    if seen.winner == CHAMPION:
        return Decision("fail", f"Its users bought less: {told}, {users:,} users.", numbers)
    if users >= found.design.users and not seen.users_still_needed:
        return Decision("stop", f"No difference shows after {users:,} users: {told}.", numbers)
    return Decision("note", numbers={"report": numbers, "looked at": now})


def look(experiment: Experiment, *, effect: float, store: Store, settings: Settings, now: int) -> Found:
    """Count users and buyers of both arms whose 24 hours are over and known, and judge them."""
    design = _design(experiment, effect=effect, store=store)
    watermark = store.events.summary().last_time or 0
    until = min(now, watermark) - LABEL_WINDOW - round(settings.lateness_hours * HOUR)
    champion, challenger = (
        _arm(
            store.predictions.first_answers(arm, since=experiment.started_at, until=until),
            store=store,
            since=experiment.started_at,
            until=until,
        )
        for arm in ("champion", "challenger")
    )
    return Found(report(champion, challenger, design=design), design, until)


def numbers_of(found: Found) -> dict[str, Any]:
    """Return a report as it stands in the ledger."""
    seen = found.report
    return {
        "champion": list(seen.champion),
        "challenger": list(seen.challenger),
        "difference": _interval(seen.difference),
        "always valid": _interval(seen.always_valid),
        "sample ratio p": seen.sample_ratio.p_value,
        "users planned": found.design.users,
        "users still needed": seen.users_still_needed,
        "until": found.until,
    }


def _interval(found: Any) -> list[float]:
    return [found.value, found.low, found.high]


def _arm(first: Mapping[str, int], *, store: Store, since: int, until: int) -> Arm:
    """Count those who bought within 24 hours of their first answer."""
    if not first:
        return Arm(0, 0)
    buyers = set[str]()
    for chunk in store.events.scan(since=since, until=until + LABEL_WINDOW, event_type="purchase"):
        for event in chunk:
            answered = first.get(event.user_id)
            if answered is not None and answered <= event.event_time < answered + LABEL_WINDOW:
                buyers.add(event.user_id)
    return Arm(len(first), len(buyers))


def _design(experiment: Experiment, *, effect: float, store: Store) -> Design:
    """Return what the champion's card and the plan say: the same at every look."""
    base = _base(bundle_of(store, experiment.champion.partition("@")[2]).document)
    return Design(base=base, effect=effect, share=experiment.share)


def _base(document: ModelDocument) -> float:
    test = document.periods.get("test")
    if test is None or not test.rows or not test.positives:
        return UNKNOWN_BASE
    return min(0.5, max(LOWEST_BASE, test.positives / test.rows))
