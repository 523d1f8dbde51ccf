"""A challenger that the gate lets through, where it is to be tried beside the champion first."""

import pytest
from sklearn.dummy import DummyClassifier

from propensity.bundle import DOCUMENT, MODEL, RECORDED, Bundle
from propensity.lifecycle.challenge import KIND
from propensity.registry import PRODUCTION, Registry, TrainingRecord
from propensity.settings import Settings, read_settings
from propensity.store import open_store
from training.train import Training
from training.verdict import Verdict

NOW = 1_770_000_000_000_000
PROMOTED = Verdict(
    word="promoted", reason="better", positives=200, rows=2_000, first_cutoff=None, last_cutoff=None,
    expected_recall=1.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "shares"), [("shadow", [0.0]), ("canary", [0.01, 0.05, 0.25, 0.5]), ("ab", [0.5])]
)
def test_the_first_model_is_promoted_at_once_and_later_ones_are_tried_once_each(
    settings: Settings, registry: Registry, mode: str, shares: list[float]
) -> None:
    chosen = read_settings(home=settings.home, experiment_mode=mode)
    versions = []
    for content in (b"first", b"second"):
        bundle = Bundle({MODEL: content, DOCUMENT: b"{}", RECORDED: b"{}"})
        folder = settings.home / "nothing"
        folder.mkdir(exist_ok=True)
        pipeline = DummyClassifier().fit([[0.0], [1.0]], [0, 1])
        versions.append(registry.record(TrainingRecord({}, {}, {}, bundle, pipeline, folder)))
    first, second = versions
    with open_store(settings.store_uri.get_secret_value()) as store:
        said = list[str]()
        training = Training(
            chosen, store=store, registry=registry, clock=lambda: NOW, git_commit="abc", say=said.append
        )
        training._promote(first, PROMOTED)
        champion = registry.at(PRODUCTION)
        assert champion is not None
        assert champion.number == first.number
        assert store.ledger.latest(5, KIND) == []

        for _ in range(2):  # the second time is a run that is tried again after a crash
            training._promote(second, PROMOTED)
        (entry,) = store.ledger.latest(5, KIND)
        assert (entry.state, entry.subject, entry.reason) == ("intended", second.number, "better")
        assert (entry.evidence["mode"], entry.evidence["shares"]) == (mode, shares)
        assert registry.at(PRODUCTION) == champion
        assert f"tried beside the champion first ({mode})" in said[-1]
