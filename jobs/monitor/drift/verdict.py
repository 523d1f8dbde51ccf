"""Have the users changed? A pure decision, whose false alarms and power are measured in docs/drift.md.

Every value is replaced by its place among the reference's values, from -1 (below all) to 1 (above all), so that
outliers weigh no more than they should and ties stay ties. Two numbers are compared for each feature and the score:

    shift     mean place in the window - mean place in the reference: P(above) - P(below), Cliff's delta
    spread    the same for the squared place: values move to both ends, or to the middle

A window's cutoff is compared with the reference cutoffs nearest in weekday and hour. The variance of a difference has
two parts: that between users, each user being one draw however many rows, in both samples or in one (the rows of one
user are not independent); and that between the reference's own cutoffs, each held against its own nearest ones: what
days differ by anyway is no drift. Drift is what is significant after Benjamini and Hochberg's false-discovery control
over all features and at least `min_effect` large, the same way in `persistence` of the last windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]

from jobs.monitor.drift.reference import Reference
from jobs.monitor.drift.sample import COLUMNS, Sample
from propensity.store.findings import Drift, FeatureShift

Floats = NDArray[np.float64]
WORDS: Final = (("down", "up"), ("narrower", "wider"))
"""Of shift and spread: below and above 0."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What it takes to call it drift; the defaults of the settings are what docs/drift.md measures."""

    min_users: int
    min_effect: float
    false_discovery: float
    persistence: int
    windows: int


def judge(window: Sample, reference: Reference, *, before: Sequence[Drift], limits: Limits) -> Drift:
    """Compare a window's rows with the reference; `before` are the verdicts on the windows just before it."""
    lack = _lack(window, reference, limits=limits)
    if lack:
        return Drift(judged=False, reason=lack, users=window.user_count)
    matches = reference.matches(np.unique(window.cutoffs))
    effects, variances = _compare(window, reference, matches=matches)
    p_values = _p_values(effects, variances, degrees=len(reference.cutoffs) - 1)
    found = rejected(p_values.ravel(), rate=limits.false_discovery).reshape(p_values.shape)
    found &= np.abs(effects) >= limits.min_effect
    shifts = [
        FeatureShift(
            name=name,
            shift=float(effects[0, column]),
            spread=float(effects[1, column]),
            p_value=float(p_values[:, column].min()),
            drift=_word(effects[:, column], found[:, column]),
        )
        for column, name in enumerate(COLUMNS)
    ]
    return Drift(
        judged=True,
        reason="",
        users=window.user_count,
        reference_users=reference.user_count,
        cutoffs=np.unique(window.cutoffs).tolist(),
        reference_cutoffs=sorted(matches),
        features=shifts,
        persistent=persistent(
            shifts, before=before[max(0, len(before) - limits.windows + 1) :], needed=limits.persistence
        ),
    )


def persistent(shifts: Sequence[FeatureShift], *, before: Sequence[Drift], needed: int) -> list[str]:
    """Return the features that drift now and did so, with the same sign, in enough of these windows in all."""
    earlier = [{_way(one) for one in drift.features if one.drift} for drift in before]
    return [
        one.name
        for one in shifts
        if one.drift and 1 + sum(_way(one) in window for window in earlier) >= needed
    ]


def _way(shift: FeatureShift) -> tuple[str, bool]:
    return shift.name, shift.shift > 0


def rejected(p_values: Floats, *, rate: float) -> NDArray[np.bool_]:
    """Return which hypotheses Benjamini and Hochberg (1995) reject at a false-discovery rate."""
    order = np.argsort(p_values)
    below = p_values[order] <= rate * np.arange(1, len(order) + 1) / len(order)
    count = int(np.flatnonzero(below)[-1]) + 1 if below.any() else 0
    answer = np.zeros(len(order), dtype=np.bool_)
    answer[order[:count]] = True
    return answer


def _lack(window: Sample, reference: Reference, *, limits: Limits) -> str:
    """Say what is missing for a judgement; empty where there is enough."""
    if window.user_count < limits.min_users:
        return f"{window.user_count} users were scored in the window; {limits.min_users} are needed to judge."
    if reference.user_count < limits.min_users:
        return f"The reference holds {reference.user_count} users; {limits.min_users} are needed to judge."
    if len(reference.cutoffs) < reference.least_cutoffs:
        return (
            f"The reference holds {len(reference.cutoffs)} cutoffs; {reference.least_cutoffs} are needed to know what "
            "days differ by anyway."
        )
    return ""


def _compare(window: Sample, reference: Reference, *, matches: dict[int, float]) -> tuple[Floats, Floats]:
    """Return effects and their variances, each of shape (2, columns)."""
    cutoffs = np.unique(window.cutoffs)
    held = reference.sample.at(list(matches))
    weights = {int(cutoff): 1 / len(cutoffs) for cutoff in cutoffs}
    mean, mine = _influence(reference.places(window), window.cutoffs, weights=weights)
    usual, theirs = _influence(reference.places(held), held.cutoffs, weights=matches)
    between_users = _user_variance(
        np.concatenate([window.users, held.users]), np.concatenate([mine, -theirs])
    )
    shape = (2, len(COLUMNS))
    return (mean - usual).reshape(shape), (between_users + reference.between_cutoffs).reshape(shape)


def _influence(
    places: NDArray[np.float32], cutoffs: NDArray[np.int64], *, weights: dict[int, float]
) -> tuple[Floats, NDArray[np.float32]]:
    """Return the weighted mean over cutoffs, and what each row adds to its error."""
    total = np.zeros(places.shape[1])
    pulls = np.empty_like(places)
    for cutoff, weight in weights.items():
        rows = cutoffs == cutoff
        mean = places[rows].mean(axis=0, dtype=np.float64)
        total += weight * mean
        pulls[rows] = (places[rows] - mean) * (weight / rows.sum())
    return total, pulls


def _user_variance(users: NDArray[np.str_], pulls: NDArray[np.float32]) -> Floats:
    """Return the variance of the sum of all pulls, users being the independent draws."""
    order = np.argsort(users, kind="stable")
    ordered = users[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sums = np.add.reduceat(pulls[order], starts, axis=0, dtype=np.float64)
    squares: Floats = (sums**2).sum(axis=0)
    return squares


def _p_values(effects: Floats, variances: Floats, *, degrees: int) -> Floats:
    """Return two-sided p-values; a column without any variance differs surely, or not at all."""
    errors = np.sqrt(variances)
    scores = np.divide(np.abs(effects), errors, out=np.full_like(effects, np.inf), where=errors > 0)
    scores[np.abs(effects) <= 1e-12] = 0.0
    p_values: Floats = 2 * stats.t.sf(scores, df=degrees)
    return p_values


def _word(effects: Floats, found: NDArray[np.bool_]) -> str:
    """Name the larger one of the effects found."""
    if not found.any():
        return ""
    kind = int(np.argmax(np.abs(effects) * found))
    return WORDS[kind][int(effects[kind] > 0)]
