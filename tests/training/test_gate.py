"""The gate's four words, each from the evidence that calls for it."""

from collections.abc import Callable

import msgspec
import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from propensity.bundle import Bundle, Period
from propensity.events.event import DAY
from propensity.settings import Settings, read_settings
from training import gate, model
from training.dataset import TrainingSet
from training.gate import decide
from training.model import Trained
from training.rows import Rows
from training.verdict import Verdict

START = 1_700_000_000_000_000
Scores = NDArray[np.float32]


@pytest.fixture(scope="module")
def rows(make_rows: Callable[..., pl.DataFrame]) -> Rows:
    return Rows(make_rows([START, START + DAY, START + 2 * DAY], users=600).sort("cutoff", "user_id"))


def _good(rows: Rows) -> Scores:
    return (1 / (1 + np.exp(-rows.column("purchase_intent")))).astype(np.float32)


def _noisy(rows: Rows, noise: float, seed: int = 1) -> Scores:
    chance = np.random.default_rng(seed)
    logit = rows.column("purchase_intent") + chance.normal(scale=noise, size=len(rows))
    return (1 / (1 + np.exp(-logit))).astype(np.float32)


def _decide(
    rows: Rows,
    settings: Settings,
    *,
    challenger: Scores,
    champion: Scores | None,
    threshold: float = 0.0,
    **changed: object,
) -> Verdict:
    changed_settings = read_settings(**{**settings.model_dump(), **changed})
    return decide(
        rows,
        challenger=challenger,
        champion=champion,
        threshold=threshold,
        expected_recall=0.99,
        settings=changed_settings,
    )


def test_a_better_challenger_is_promoted(rows: Rows, quick: Settings) -> None:
    verdict = _decide(rows, quick, challenger=_good(rows), champion=_noisy(rows, 2.0))
    assert verdict.word == "promoted"
    assert verdict.promotes
    assert verdict.difference is not None
    assert verdict.difference.low > 0
    assert verdict.positives == rows.positives


def test_an_equal_challenger_is_promoted(rows: Rows, quick: Settings) -> None:
    verdict = _decide(rows, quick, challenger=_good(rows), champion=_good(rows))
    assert verdict.word == "promoted"
    assert verdict.difference is not None
    assert (verdict.difference.low, verdict.difference.high) == (0.0, 0.0)


def test_a_worse_challenger_is_refused(rows: Rows, quick: Settings) -> None:
    verdict = _decide(rows, quick, challenger=_noisy(rows, 2.0), champion=_good(rows))
    assert verdict.word == "refused"
    assert not verdict.promotes
    assert "margin" in verdict.reason


def test_a_challenger_that_was_trained_on_labels_drawn_by_lot_is_refused(
    make_set: Callable[..., TrainingSet], trained: Trained, quick: Settings
) -> None:
    by_lot = make_set(users=300, signal=0.0)
    worse = model.fit(by_lot, quick, now=START, git_commit="", progress=lambda _: None)
    verdict = gate.judge(
        trained.training_set, challenger=worse.bundle, champion=trained.bundle, settings=quick
    )
    assert verdict.word == "refused", verdict.reason
    same = gate.judge(
        trained.training_set, challenger=trained.bundle, champion=trained.bundle, settings=quick
    )
    assert same.word == "promoted", same.reason


def test_a_challenger_that_misses_too_many_buyers_is_refused(rows: Rows, quick: Settings) -> None:
    good = _good(rows)
    threshold = float(np.quantile(good[rows.labels == 1], 0.1))
    verdict = _decide(rows, quick, challenger=good, champion=_noisy(rows, 2.0), threshold=threshold)
    assert verdict.word == "refused"
    assert "Recall does not hold" in verdict.reason
    assert verdict.recall is not None
    assert verdict.recall.value == pytest.approx(0.9, abs=0.01)


def test_recall_holds_while_its_interval_reaches_the_expectation(rows: Rows, quick: Settings) -> None:
    good = _good(rows)
    threshold = float(np.sort(good[rows.labels == 1])[6])
    verdict = _decide(rows, quick, challenger=good, champion=_noisy(rows, 2.0), threshold=threshold)
    assert verdict.recall is not None
    assert verdict.recall.value < 0.99 < verdict.recall.high or verdict.recall.value >= 0.99
    assert verdict.word == "promoted"


def test_too_few_buyers_leave_the_champion_in_place(rows: Rows, quick: Settings) -> None:
    verdict = _decide(
        rows, quick, challenger=_good(rows), champion=_noisy(rows, 2.0), min_positives=rows.positives + 1
    )
    assert verdict.word == "not enough evidence"
    assert not verdict.promotes


def test_as_many_buyers_as_asked_for_are_enough(rows: Rows, quick: Settings) -> None:
    verdict = _decide(
        rows, quick, challenger=_good(rows), champion=_noisy(rows, 2.0), min_positives=rows.positives
    )
    assert verdict.word == "promoted"


@pytest.mark.parametrize(("strict", "word"), [(False, "unproven"), (True, "not enough evidence")])
def test_a_first_model_with_too_few_buyers_is_unproven(
    rows: Rows, quick: Settings, strict: bool, word: str
) -> None:
    verdict = _decide(
        rows, quick, challenger=_good(rows), champion=None, min_positives=10_000, strict_first=strict
    )
    assert verdict.word == word
    assert verdict.promotes is not strict


def test_a_first_model_that_beats_the_baselines_is_promoted(rows: Rows, quick: Settings) -> None:
    verdict = _decide(rows, quick, challenger=_good(rows), champion=None)
    assert verdict.word == "promoted"
    assert verdict.lead is not None
    assert verdict.lead.low > 0
    assert verdict.best_baseline == "open_cart"


@pytest.mark.parametrize(("strict", "word"), [(False, "unproven"), (True, "refused")])
def test_a_first_model_that_beats_no_baseline_is_unproven(
    rows: Rows, quick: Settings, strict: bool, word: str
) -> None:
    by_lot = np.random.default_rng(1).random(len(rows)).astype(np.float32)
    verdict = _decide(rows, quick, challenger=by_lot, champion=None, strict_first=strict)
    assert verdict.word == word
    assert "does not beat the best baseline" in verdict.reason


def test_a_period_of_nobody_is_not_enough_evidence(rows: Rows, quick: Settings) -> None:
    nobody = np.empty(0, dtype=np.float32)
    verdict = _decide(rows.later_than(START + 9 * DAY), quick, challenger=nobody, champion=nobody)
    assert (verdict.word, verdict.positives, verdict.rows) == ("not enough evidence", 0, 0)


def test_a_verdict_fits_into_tags_and_evidence(rows: Rows, quick: Settings) -> None:
    verdict = _decide(rows, quick, challenger=_good(rows), champion=_noisy(rows, 2.0))
    assert all(isinstance(value, str) for value in verdict.tags().values())
    assert verdict.tags()["verdict"] == "promoted"
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict


def test_judged_are_only_cutoffs_later_than_anything_either_model_has_seen(
    make_set: Callable[..., TrainingSet], trained: Trained
) -> None:
    made = make_set()
    cutoffs = sorted(set(made.test.cutoffs.tolist()))
    seen_until = cutoffs[2]
    period = Period(first_cutoff=0, last_cutoff=seen_until, cutoffs=1, rows=1, users=1, positives=1)
    tested = msgspec.structs.replace(period, last_cutoff=cutoffs[-1])
    champion = msgspec.structs.replace(
        trained.document, periods={"fit": period, "validate": period, "test": tested}
    )
    judged = gate.gate_rows(made, champion)
    assert judged.cutoffs.min() >= seen_until + DAY
    assert judged.cutoffs.max() == cutoffs[-1]
    assert gate.gate_rows(made, None) is made.test
    resumed = gate.gate_rows(made, None, champion)  # a challenger that was made from an earlier training set
    assert resumed.cutoffs.min() == judged.cutoffs.min()


def test_a_champion_this_release_cannot_load_is_not_compared_with(trained: Trained, quick: Settings) -> None:
    document = msgspec.structs.replace(trained.document, feature_version=99)
    foreign = Bundle.make(onnx=trained.bundle.onnx, document=document, recorded=trained.bundle.recorded)
    verdict = gate.judge(trained.training_set, challenger=trained.bundle, champion=foreign, settings=quick)
    assert verdict.difference is None
    assert verdict.word == "promoted"
