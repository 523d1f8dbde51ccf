"""The verdict on drift, on samples whose truth is known; its rates on simulated shops are in tests/verify."""

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.monitor.drift.reference import Reference, distance, nearest
from jobs.monitor.drift.sample import COLUMNS, Sample
from jobs.monitor.drift.trigger import drift_trigger, limits_of
from jobs.monitor.drift.verdict import Limits, judge, persistent, rejected
from propensity.events.event import DAY, HOUR
from propensity.features.definition import NAMES
from propensity.settings import Settings
from propensity.store.findings import Drift, FeatureShift

LIMITS = Limits(min_users=100, min_effect=0.04, false_discovery=0.05, persistence=1, windows=1)
REFERENCE_CUTOFFS = [day * DAY + 6 * hour * HOUR for day in range(7) for hour in range(0, 4, 2)]
WINDOW_CUTOFFS = [14 * DAY + 6 * hour * HOUR for hour in range(4)]
FIRST = 0
"""Column that is made to differ."""


def sample(
    cutoffs: list[int], *, users: int = 400, seed: int = 0, shift: float = 0.0, scale: float = 1.0
) -> Sample:
    """Rows of users who are alike at all cutoffs but for some noise."""
    chance = np.random.default_rng(seed)
    own = chance.normal(size=(users, len(COLUMNS)))
    own[:, FIRST] = own[:, FIRST] * scale + shift
    values = [own + 0.1 * chance.normal(size=own.shape) for _ in cutoffs]
    return Sample(
        users=np.tile([f"{seed}-{user}" for user in range(users)], len(cutoffs)),
        cutoffs=np.repeat(np.array(cutoffs, dtype=np.int64), users),
        values=np.concatenate(values).astype(np.float32),
    )


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(sample(REFERENCE_CUTOFFS, users=800, seed=1))


def verdict(window: Sample, reference: Reference, *, limits: Limits = LIMITS) -> Drift:
    return judge(window, reference, before=[], limits=limits)


def drifting(found: Drift) -> dict[str, str]:
    return {one.name: one.drift for one in found.features if one.drift}


def test_users_like_those_of_the_reference_have_not_drifted(reference: Reference) -> None:
    found = [verdict(sample(WINDOW_CUTOFFS, seed=seed), reference) for seed in range(2, 17)]
    assert all(one.judged for one in found)
    assert sum(bool(one.persistent) for one in found) <= 3  # 5 % of 15, and three standard deviations more


@pytest.mark.parametrize(
    ("shift", "scale", "word"),
    [(0.8, 1.0, "up"), (-0.8, 1.0, "down"), (0, 2.2, "wider"), (0, 0.3, "narrower")],
)
def test_a_column_that_moved_is_found_alone_and_which_way(
    reference: Reference, shift: float, scale: float, word: str
) -> None:
    found = verdict(sample(WINDOW_CUTOFFS, seed=2, shift=shift, scale=scale), reference)
    assert drifting(found) == {COLUMNS[FIRST]: word}
    assert found.persistent == [COLUMNS[FIRST]]


def test_a_shift_is_the_chance_to_be_above_minus_the_chance_to_be_below() -> None:
    reference = Reference(sample(REFERENCE_CUTOFFS, users=200, seed=1))
    window = sample(WINDOW_CUTOFFS[:1], seed=2, shift=0.8)
    one, other = window.values[:, FIRST], reference.sample.values[:, FIRST]
    matched = reference.sample.at(list(reference.matches(WINDOW_CUTOFFS[:1]))).values[:, FIRST]
    above = np.sign(one[:, None] - other[None, :]).mean() - np.sign(matched[:, None] - other[None, :]).mean()
    assert verdict(window, reference).features[FIRST].shift == pytest.approx(above, abs=1e-4)


def test_a_shift_too_small_to_matter_is_no_drift(reference: Reference) -> None:
    window = sample(WINDOW_CUTOFFS, seed=2, shift=0.8)
    size = abs(verdict(window, reference).features[FIRST].shift)
    for factor, found in ((0.99, True), (1.01, False)):
        limits = Limits(**{**vars(LIMITS), "min_effect": factor * size})
        assert bool(drifting(verdict(window, reference, limits=limits))) is found


def test_many_rows_of_the_same_users_prove_no_more_than_a_few(reference: Reference) -> None:
    few = verdict(sample(WINDOW_CUTOFFS[:1], seed=5, users=150, shift=0.2), reference)
    many = verdict(sample(WINDOW_CUTOFFS, seed=5, users=150, shift=0.2), reference)
    assert many.features[FIRST].p_value > few.features[FIRST].p_value / 5


def test_what_days_differ_by_anyway_is_no_drift() -> None:
    chance = np.random.default_rng(9)
    moody = sample(REFERENCE_CUTOFFS, users=800, seed=1)
    for cutoff in REFERENCE_CUTOFFS:
        moody.values[moody.cutoffs == cutoff, FIRST] += chance.normal(scale=0.8)
    window = sample(WINDOW_CUTOFFS, seed=2, shift=0.8)
    assert not drifting(verdict(window, Reference(moody)))


def test_a_column_that_never_changes_is_no_drift_until_it_does() -> None:
    quiet = sample(REFERENCE_CUTOFFS, users=800, seed=1)
    quiet.values[:, FIRST] = 0.0
    window = sample(WINDOW_CUTOFFS, seed=2)
    for value, found in ((0.0, {}), (7.0, {COLUMNS[FIRST]: "up"})):
        window.values[:, FIRST] = value
        assert drifting(verdict(window, Reference(quiet))) == found


@pytest.mark.parametrize(("users", "judged"), [(99, False), (100, True)])
def test_too_few_users_are_not_judged(reference: Reference, users: int, *, judged: bool) -> None:
    found = verdict(sample(WINDOW_CUTOFFS, seed=2, users=users, shift=3.0), reference)
    assert found.judged is judged
    assert bool(found.persistent) is judged
    assert judged or "99 users were scored in the window; 100 are needed" in found.reason


def test_a_reference_of_few_cutoffs_does_not_know_what_days_differ_by() -> None:
    short = Reference(sample(REFERENCE_CUTOFFS[:5], users=800, seed=1))
    found = verdict(sample(WINDOW_CUTOFFS, seed=2, shift=3.0), short)
    assert not found.judged
    assert "holds 5 cutoffs" in found.reason


def test_nearest_is_the_same_weekday_and_hour_then_the_same_hour() -> None:
    week = [day * DAY + hour * HOUR for day in range(14) for hour in (0, 6, 12, 18)]
    cutoff = 21 * DAY + 6 * HOUR
    assert nearest(cutoff, week)[:2] == [6 * HOUR, 7 * DAY + 6 * HOUR]
    assert distance(0, 7 * DAY) == 0
    assert distance(0, DAY) == distance(6 * DAY, 0) == distance(0, 3 * HOUR) == 3
    assert distance(0, 23 * HOUR) == 4


def test_false_discovery_control_is_benjamini_and_hochbergs() -> None:
    published = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]  # fmt: skip
    p_values: NDArray[np.float64] = np.array(published)  # from their paper of 1995, section 4
    assert rejected(p_values[::-1], rate=0.05)[::-1].tolist() == [True] * 4 + [False] * 11
    assert not rejected(np.array([0.06, 0.9]), rate=0.05).any()


def shift_of(name: str, value: float, *, drift: bool = True) -> FeatureShift:
    word = ("up" if value > 0 else "down") if drift else ""
    return FeatureShift(name=name, shift=value, spread=0.0, p_value=0.0, drift=word)


def window_of(*shifts: FeatureShift) -> Drift:
    return Drift(judged=True, reason="", features=list(shifts))


def test_drift_persists_for_the_same_feature_the_same_way_only() -> None:
    now = [shift_of("a", 0.2), shift_of("b", 0.2), shift_of("c", 0.2), shift_of("d", 0.2, drift=False)]
    before = [
        window_of(
            shift_of("a", 0.1), shift_of("b", -0.1), shift_of("c", 0.1, drift=False), shift_of("d", 0.1)
        )
    ]
    assert persistent(now, before=before, needed=2) == ["a"]
    assert persistent(now, before=before, needed=1) == ["a", "b", "c"]
    assert persistent(now, before=[*before, window_of()], needed=3) == []


def test_only_the_last_windows_count(reference: Reference) -> None:
    limits = Limits(**{**vars(LIMITS), "persistence": 2, "windows": 3})
    window = sample(WINDOW_CUTOFFS, seed=2, shift=0.8)
    drifted, quiet = window_of(shift_of(COLUMNS[FIRST], 0.3)), window_of()
    for before, fires in (([drifted, quiet], True), ([drifted, quiet, quiet], False), ([], False)):
        found = judge(window, reference, before=before, limits=limits)
        assert bool(drift_trigger(found, window_end=0)) is fires


def test_the_trigger_names_what_drifted_with_its_size() -> None:
    shifts = [shift_of(f"f{number}", 0.1 + number / 100) for number in range(7)]
    found = Drift(judged=True, reason="", features=shifts, persistent=[one.name for one in shifts])
    trigger = drift_trigger(found, window_end=5)
    assert trigger is not None
    assert (trigger.kind, trigger.window_end, len(trigger.evidence)) == ("drift", 5, 7)
    assert trigger.reason.startswith("f6 (+0.16), f5 (+0.15)")
    assert "and 2 more" in trigger.reason


def test_a_thinned_sample_keeps_the_same_users_at_every_cutoff() -> None:
    whole = sample(WINDOW_CUTOFFS, users=1_000)
    half = whole.thinned(0.5)
    assert 400 < half.user_count < 600
    assert len(half) == 4 * half.user_count
    assert set(half.thinned(0.2).users) <= set(half.users)


def test_the_hour_and_the_weekday_are_nobodys_features() -> None:
    assert {*NAMES} - {*COLUMNS} == {"hour_of_day", "day_of_week"}
    assert COLUMNS[-1] == "score"


def test_the_limits_are_those_that_are_set() -> None:
    settings = Settings(drift_min_users=60, drift_min_effect=0.3, drift_windows=5, drift_persistence=4)
    assert limits_of(settings) == Limits(
        min_users=60, min_effect=0.3, false_discovery=0.05, persistence=4, windows=5
    )
