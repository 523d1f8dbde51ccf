"""`propensity train --retrain` while another training is under way: refused with what to do, or it takes the slot."""

import pytest

from propensity.registry import Registry
from propensity.settings import Settings
from propensity.store import open_store
from tests.cli.test_bad_input import run

pytestmark = pytest.mark.journey


@pytest.mark.parametrize(("words", "code", "states"), [((), 4, ["running"]), (("--force",), 3, ["failed", "failed"])])  # fmt: skip
def test_a_training_by_hand_needs_the_one_slot(
    settings: Settings, registry: Registry, words: tuple[str, ...], code: int, states: list[str]
) -> None:
    uri = settings.store_uri.get_secret_value()
    with open_store(uri) as store:
        store.ledger.claim(
            kind="training", state="running", at=1_900_000_000_000_000, reason="drift", key="training:1"
        )
        done = run(settings, "train", "--retrain", *words)
        assert done.returncode == code, done.stderr  # 3: it got as far as finding no events
        assert "Traceback" not in done.stderr
        assert ("--force gives it up" in done.stderr) is (code == 4)
        assert [entry.state for entry in store.ledger.latest(9, "training")] == states
    assert registry.versions(1) == []
