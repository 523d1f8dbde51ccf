"""A training from rows to artefacts: what is promised of the bundle, the document and the files beside it."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pytest

from propensity.bundle import Bundle
from propensity.features.definition import NAMES
from propensity.model import Model
from propensity.settings import Settings, read_settings
from training import gate, model
from training.dataset import TrainingSet
from training.document import complete
from training.model import Trained
from training.threshold import Choice

NOW = 2_000_000_000_000_000
PICTURES = {"roc", "precision_recall", "operating_curve", "calibration", "confusion_matrix", "importances"}


@pytest.fixture(scope="module")
def folder(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("artifacts") / "of a training"
    trained.write_artifacts(made)
    return made


def test_the_bundle_verifies_itself_after_a_journey(trained: Trained, tmp_path: Path) -> None:
    trained.bundle.save(tmp_path)
    loaded = Bundle.load(tmp_path)
    loaded.expect(trained.bundle.digest)
    Model(loaded).verify()
    assert loaded.document == trained.document


def test_no_validation_buyer_is_missed_by_what_is_served(trained: Trained) -> None:
    rows = trained.training_set.validate
    served = Model(trained.bundle).probabilities(rows.features)
    assert (served[rows.labels == 1] >= trained.document.threshold).all()
    assert trained.document.expected_recall == rows.positives / (rows.positives + 1)


def test_the_model_found_what_is_there(trained: Trained) -> None:
    assert trained.document.metrics["roc_auc"].low > 0.7
    assert trained.evaluation.lead.low > 0
    assert set(trained.importances["feature"][:2]) & {"purchase_intent", "cart_count"}
    assert trained.metrics["calibration_error"] < 0.06


def test_it_is_promoted_as_a_first_model(trained: Trained, quick: Settings) -> None:
    verdict = gate.judge(trained.training_set, challenger=trained.bundle, champion=None, settings=quick)
    assert verdict.word == "promoted", verdict.reason


def test_the_same_seed_gives_the_same_bundle(make_set: Callable[..., TrainingSet], quick: Settings) -> None:
    few = read_settings(**{**quick.model_dump(), "bootstrap_rounds": 50})
    digests = {
        model.fit(make_set(), few, now=NOW, git_commit="c0ffee", progress=lambda _: None).bundle.digest
        for _ in range(2)
    }
    assert len(digests) == 1


def test_the_document_knows_its_periods_and_its_origin(trained: Trained) -> None:
    document = trained.document
    assert set(document.periods) == {"fit", "calibrate", "validate", "test"}
    assert document.trained_at == NOW
    assert document.git_commit == "c0ffee"
    assert document.data_digest == trained.training_set.digest
    assert document.features == list(NAMES)
    assert any(point.threshold == document.threshold for point in document.operating_curve)


def test_flat_metrics_are_finite_numbers_with_their_intervals(trained: Trained) -> None:
    assert all(np.isfinite(value) for value in trained.metrics.values())
    for name in ("f1", "recall", "precision", "roc_auc", "average_precision", "brier", "lift_at_10"):
        assert trained.metrics[f"{name}_low"] <= trained.metrics[name] <= trained.metrics[f"{name}_high"]
    assert "baseline_purchases_so_far_average_precision" in trained.metrics


def test_every_file_is_written(folder: Path) -> None:
    tables = {"grid.csv", "operating_curve.csv", "calibration.csv", "curves.csv", "importances.csv"}
    assert {path.name for path in folder.iterdir()} == {
        *tables,
        "card.md",
        "data.json",
        "pictures",
        "reference.parquet",
    }
    for name in tables:
        assert len(pd.read_csv(folder / name)) > 1
    for name in PICTURES:
        assert (folder / "pictures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_curves_enclose_the_metrics_of_the_test_days(trained: Trained, folder: Path) -> None:
    table = pd.read_csv(folder / "curves.csv")
    roc = table[(table["curve"] == "roc") & (table["scorer"] == "model")]
    area = float(np.trapezoid(roc["y"], roc["x"]))
    assert area == pytest.approx(trained.document.metrics["roc_auc"].value, abs=0.01)
    assert (roc["x"].iloc[0], roc["y"].iloc[-1]) == (0, 1)
    assert set(table["scorer"]) == {"model", trained.evaluation.best_baseline}
    assert table.groupby(["curve", "scorer"]).size().max() <= 200


def test_the_reference_holds_the_served_answers_of_validation_and_test_days(
    trained: Trained, folder: Path
) -> None:
    reference = pl.read_parquet(folder / "reference.parquet")
    assert reference.columns == ["cutoff", "period", "label", "probability", *NAMES, "user"]
    assert set(reference["period"]) == {"validate", "test"}
    users = {user for part in trained.training_set.rows.values() for user in part.frame["user_id"]}
    assert users.isdisjoint(reference["user"]), "Ids in a file that nobody can take a user out of."
    later = pl.concat(trained.training_set.rows[name].frame for name in ("validate", "test"))
    assert (
        reference.group_by("user").len()["len"].sort().equals(later.group_by("user_id").len()["len"].sort())
    )
    rows = reference.select(NAMES).to_numpy().astype(np.float32)
    assert np.array_equal(Model(trained.bundle).probabilities(rows), reference["probability"].to_numpy())


def test_data_json_says_where_the_numbers_come_from(trained: Trained, folder: Path) -> None:
    data = json.loads((folder / "data.json").read_text())
    assert data["data_digest"] == trained.document.data_digest
    assert data["bundle_digest"] == trained.bundle.digest
    assert set(data["periods"]) == {"fit", "calibrate", "validate", "test"}


def test_the_card_shows_intervals_baselines_and_the_honest_expectation(
    trained: Trained, folder: Path
) -> None:
    card = (folder / "card.md").read_text()
    buyers = trained.training_set.validate.positives
    assert f"{buyers}/{buyers + 1}" in card
    assert f"{trained.document.expected_recall:.4f}" in card
    for baseline in trained.document.baselines:
        assert baseline.replace("_", " ") in card
    roc = trained.document.metrics["roc_auc"]
    assert f"{roc.value:.3f} ({roc.low:.3f} to {roc.high:.3f})" in card


def test_a_list_longer_than_set_is_warned_of(trained: Trained, quick: Settings) -> None:
    document = trained.document
    choice = Choice(threshold=document.threshold, expected_recall=document.expected_recall)
    warned = {}
    for share in (0.01, 1.0):
        warned[share] = complete(
            document,
            choice=choice,
            measured=trained.evaluation,
            curve=document.operating_curve,
            settings=read_settings(**{**quick.model_dump(), "max_contact_share": share}),
        ).warnings
    assert any("contact nearly everybody" in warning for warning in warned[0.01])
    assert len(warned[0.01]) == len(warned[1.0]) + 1


def test_the_document_survives_its_own_json(trained: Trained) -> None:
    again = msgspec.json.decode(msgspec.json.encode(trained.document), type=type(trained.document))
    assert again == trained.document
