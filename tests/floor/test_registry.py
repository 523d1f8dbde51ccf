"""MLflow behind our door: SQLite as on a laptop, and a server that is away."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from propensity.bundle import DOCUMENT, MODEL, RECORDED, Bundle
from propensity.errors import BrokenBundle, NoChampion, RegistryUnavailable, VersionNotFound
from propensity.registry import CHALLENGER, PRODUCTION, Registry, TrainingRecord, Version

ESTIMATORS = {
    "forest": RandomForestClassifier(n_estimators=5, random_state=1),
    "boosting": HistGradientBoostingClassifier(max_iter=5, random_state=1),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
}


def recorded(registry: Registry, folder: Path, name: str = "forest", mark: bytes = b"x") -> Version:
    folder /= "made"
    folder.mkdir(exist_ok=True)
    (folder / "card.md").write_text("# A card")
    rows = np.random.default_rng(1).random((200, 3))
    labels = (rows[:, 0] > 0.6).astype(int)
    pipeline = CalibratedClassifierCV(FrozenEstimator(ESTIMATORS[name].fit(rows, labels)), method="sigmoid")
    return registry.record(
        TrainingRecord(
            parameters={"estimator": name, "max_depth": 3},
            metrics={"f1": 0.5, "f1_low": 0.4},
            tags={"git_commit": "abc"},
            bundle=Bundle({MODEL: mark, DOCUMENT: b"{}", RECORDED: b"{}"}),
            pipeline=pipeline.fit(rows, labels),
            artifacts=folder,
        )
    )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_training_becomes_a_version_that_the_alias_challenger_points_to(
    registry: Registry, tmp_path: Path, name: str
) -> None:
    version = recorded(registry, tmp_path, name)
    assert registry.at(CHALLENGER) == version
    assert version.tags["git_commit"] == "abc"
    assert registry.metrics(version) == {"f1": 0.5, "f1_low": 0.4}
    assert registry.versions(1) == [version]


def test_a_version_gives_back_the_very_bundle_it_was_recorded_with(
    registry: Registry, tmp_path: Path
) -> None:
    version = recorded(registry, tmp_path, mark=b"\x00\xff model")
    assert registry.bundle(version).files[MODEL] == b"\x00\xff model"
    assert registry.bundle(version).digest == version.digest


def test_a_bundle_that_is_not_the_one_recorded_is_refused(registry: Registry, tmp_path: Path) -> None:
    version = recorded(registry, tmp_path)
    with pytest.raises(BrokenBundle, match="was asked for"):
        registry.bundle(version._replace(digest="sha256:other"))


def test_a_bundle_whose_files_are_gone_is_said_to_be_lost(registry: Registry, tmp_path: Path) -> None:
    version = recorded(registry, tmp_path)
    for file in tmp_path.rglob("model.onnx"):
        file.unlink()
    shutil.rmtree(next(tmp_path.rglob("bundle")))
    with pytest.raises(BrokenBundle):
        registry.bundle(version)


def test_an_alias_nobody_set_is_none_and_no_champion_says_to_train(registry: Registry) -> None:
    assert registry.at(PRODUCTION) is None
    assert registry.versions(5) == []
    with pytest.raises(NoChampion, match="propensity train"):
        registry.champion()


def test_a_version_that_does_not_exist_is_said_to_be_missing(registry: Registry, tmp_path: Path) -> None:
    recorded(registry, tmp_path)
    with pytest.raises(VersionNotFound, match="no version 9999"):
        registry.version("9999")


def test_a_server_that_is_away_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    away = Registry("http://someone:secret@127.0.0.1:9", artifacts=tmp_path, retries=0, timeout=1)
    with pytest.raises(RegistryUnavailable, match="does not answer") as caught:
        away.ping()
    assert "secret" not in str(caught.value)


def test_a_home_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RegistryUnavailable, match="PROPENSITY_HOME"):
        Registry(f"sqlite:///{tmp_path}/file/mlflow.db", artifacts=tmp_path)


def test_a_recording_leaves_no_address_for_settings_that_are_read_later(
    registry: Registry, tmp_path: Path
) -> None:
    before = dict(os.environ)
    recorded(registry, tmp_path)
    assert dict(os.environ) == before
