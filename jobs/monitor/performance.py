"""Do the champion's answers still come true? Live metrics on mature outcomes, and when that is a reason to retrain.

F1 depends on how many users buy, which is not the model's doing. So the champion's F1 is recomputed for the window's
share of buyers, from the recall and the false-positive rate of its test days, and the trigger asks whether the whole
95 % interval lies below that by more than the set share.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import numpy as np

from jobs.monitor.drift.sample import is_kept
from jobs.monitor.quality import Silence
from propensity import metrics
from propensity.bundle import ModelDocument
from propensity.features.definition import LABEL_WINDOW
from propensity.lifecycle.trigger import Trigger
from propensity.metrics import Floats, Ranking, Resampling
from propensity.settings import Settings
from propensity.store import Outcome, Store
from propensity.store.findings import Performance

MAX_ROWS: Final = 100_000
"""Outcomes measured at a time: a larger shop is thinned by user, so that the resampling stays within 100 MB."""


def measure(
    store: Store,
    *,
    version: str,
    document: ModelDocument,
    since: int,
    until: int,
    settings: Settings,
    silence: Silence,
    treated: Collection[str] = frozenset(),
) -> Performance:
    """Measure a version on its outcomes with `since < cutoff <= until`, without the users who were contacted.

    Cutoffs whose 24 hours fall into a silence of the feed are left out: their buyers were not seen.
    """
    counts = store.outcomes.cutoffs(since=since + 1, until=until + 1)
    cutoffs = [cutoff for cutoff in counts if not _in_silence(cutoff, silence, settings=settings)]
    share = min(1.0, MAX_ROWS / max(1, sum(counts[cutoff] for cutoff in cutoffs)))
    rows = [
        one
        for one in _outcomes(store, cutoffs)
        if one.model_version == version and one.user_id not in treated and is_kept(one.user_id, share=share)
    ]
    positives = sum(one.label for one in rows)
    if positives < settings.min_positives or positives == len(rows):
        reason = (
            f"{len(rows):,} mature outcomes of version {version} hold {positives:,} buyers; "
            f"{settings.min_positives} are needed to judge."
        )
        return Performance(judged=False, reason=reason, rows=len(rows), positives=positives)
    return _measured(rows, document=document, settings=settings)


def performance_trigger(found: Performance, *, window_end: int, settings: Settings) -> Trigger | None:
    """Return the reason to retrain, where the interval of F1 lies below its limit or a set floor."""
    promised = found.f1_limit or 0.0
    if not found.judged or found.metrics["f1"].high >= max(promised, settings.performance_floor):
        return None
    f1 = found.metrics["f1"]
    said = f"F1 is {f1.value:.3f} [{f1.low:.3f}, {f1.high:.3f}]"
    if f1.high < promised:
        what = f"below {promised:.3f}, {settings.performance_drop_share:.0%} under what its test days promise here"
    else:
        what = f"below the floor of {settings.performance_floor:g}"
    return Trigger(
        kind="performance",
        reason=f"{said}, {what}.",
        evidence={
            "f1": [f1.value, f1.low, f1.high],
            "limit": found.f1_limit,
            "floor": settings.performance_floor,
            "positives": found.positives,
            "average_precision": found.metrics["average_precision"].value,
        },
        window_end=window_end,
    )


def expected_f1(document: ModelDocument, *, prevalence: float) -> float | None:
    """Return the test days' F1 as it would be at another share of buyers; None for a model that records too little.

    With recall r and false-positive rate f, F1 = 2 r p / (r p + f (1 - p) + p) at the prevalence p.
    """
    test, recall = document.periods.get("test"), document.metrics.get("recall")
    if test is None or recall is None or not 0 < test.positives < test.rows:
        return None
    usual = test.positives / test.rows
    false_positives = max(0.0, document.contact_share.value - recall.value * usual) / (1 - usual)
    hits = recall.value * prevalence
    return 2 * hits / (hits + false_positives * (1 - prevalence) + prevalence)


def _measured(rows: Sequence[Outcome], *, document: ModelDocument, settings: Settings) -> Performance:
    labels = np.array([one.label for one in rows])
    probabilities = np.array([one.probability for one in rows])
    answers = np.array([one.prediction for one in rows])
    users = np.array([one.user_id for one in rows])
    ranking = Ranking(labels, probabilities)

    def measures(weights: Floats) -> dict[str, Floats]:
        precision, recall, f1 = metrics.precision_recall_f1(labels, answers, weights=weights)
        return {
            **ranking.measure(weights),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "accuracy": metrics.share_of(answers == labels, weights=weights),
            "contact_share": metrics.share_of(answers, weights=weights),
            "brier": metrics.brier(labels, probabilities, weights=weights),
            "calibration_error": metrics.calibration_error(labels, probabilities, weights=weights),
        }

    draws = Resampling(users, rounds=settings.bootstrap_rounds, seed=settings.seed)
    expected = expected_f1(document, prevalence=float(labels.mean()))
    return Performance(
        judged=True,
        reason="",
        first_cutoff=min(one.cutoff for one in rows),
        last_cutoff=max(one.cutoff for one in rows),
        rows=len(rows),
        users=len(np.unique(users)),
        positives=int(labels.sum()),
        metrics=draws.estimates(measures),
        expected_f1=expected,
        f1_limit=None if expected is None else (1 - settings.performance_drop_share) * expected,
    )


def _outcomes(store: Store, cutoffs: Sequence[int]) -> Iterator[Outcome]:
    for cutoff in cutoffs:
        for chunk in store.outcomes.scan(cutoff):
            yield from chunk


def _in_silence(cutoff: int, silence: Silence, *, settings: Settings) -> bool:
    if silence.hours <= settings.stale_after_hours:
        return False
    return cutoff < silence.end and silence.start < cutoff + LABEL_WINDOW
