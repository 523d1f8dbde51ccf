"""A model as it is served: verified, with the version it answers for.

Before a version is served it must give its recorded answers again, and on recent requests it must not put everybody on
one side of the threshold when its test days say otherwise.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, isnan
from operator import itemgetter
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from bentos.scorer.answers import ModelAnswer
from bentos.scorer.requests import Values
from bentos.scorer.rows import ABOUT_USER
from propensity.bundle import Bundle
from propensity.errors import BrokenBundle, NoChampion, SettingsError
from propensity.events.event import MICROS
from propensity.features.definition import FEATURES, NAMES
from propensity.model import Model
from propensity.settings import Settings
from propensity.store import Prediction, Store

PACKAGED: Final = Path(__file__).parent / "packaged"
"""Where `packaging` puts a bundle and the file that names its version."""
RECENT: Final = 500
"""Recent requests that a new version is tried on."""
IMPLAUSIBLE: Final = 1e-9
"""How unlikely a one-sided verdict must be by the test days' share; low, because requests are no random users."""


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A version, its model, and what the gate said of it."""

    version: str
    model: Model
    alias: str | None = None
    verdict: str | None = None

    @property
    def reference(self) -> str:
        """`version@sha256:…`."""
        return f"{self.version}@{self.model.bundle.digest}"

    @cached_property
    def columns(self) -> NDArray[np.intp]:
        """Where the model's features stand in a row."""
        return np.array([NAMES.index(name) for name in self.model.document.features])

    @cached_property
    def takes_all(self) -> bool:
        """Whether the model's features are the row as it is."""
        return tuple(self.model.document.features) == NAMES

    @cached_property
    def _needed(self) -> Callable[[Values], Iterable[float]]:
        used = set(self.columns.tolist())
        # Named twice, because an itemgetter of one item returns no tuple.
        return itemgetter(*[place for place in ABOUT_USER if place in used] * 2)

    def is_told_enough(self, values: Values) -> bool:
        """Whether the request gave every value about the user that the model looks at: a sum with NaN is NaN."""
        return not isnan(sum(self._needed(values)))

    def probabilities(self, rows: Sequence[bytes]) -> list[float]:
        """Return the answers for packed rows in the order of NAMES."""
        table = np.frombuffer(b"".join(rows), dtype="<f4").reshape(-1, len(NAMES))
        answers: list[float] = self.model.probabilities(
            table if self.takes_all else table[:, self.columns]
        ).tolist()
        return answers

    @property
    def answer(self) -> ModelAnswer:
        """What `GET /model` says."""
        document = self.model.document
        trained_at = dt.datetime.fromtimestamp(document.trained_at / MICROS, tz=dt.UTC)
        described = {feature.name: feature for feature in FEATURES}
        return ModelAnswer(
            version=self.version,
            digest=self.model.bundle.digest,
            alias=self.alias,
            verdict=self.verdict,
            threshold=document.threshold,
            metrics={name: msgspec.structs.asdict(value) for name, value in document.metrics.items()},
            features=[
                {"name": name, "description": described[name].description, "unit": described[name].unit}
                for name in document.features
            ],
            feature_version=document.feature_version,
            estimator=document.estimator,
            calibration=document.calibration,
            expected_recall=document.expected_recall,
            warnings=document.warnings,
            trained_at=trained_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        )


def wanted(settings: Settings, store: Store | None) -> str:
    """Return the reference of the version to serve; NoChampion where there is none yet."""
    if packaged_at(settings):
        return "packaged"
    if settings.model_reference:
        return settings.model_reference
    champion = store.champion() if store else None
    if champion is None:
        raise NoChampion(
            "No model is in production yet. Run `propensity train`; this service takes it up by itself."
        )
    return champion.reference


def take_up(reference: str, *, settings: Settings, store: Store | None) -> Serving:
    """Load and verify a version; BrokenBundle says why it can't be served."""
    folder = packaged_at(settings)
    serving = _from_folder(folder) if folder else _from_store(reference, _needed_store(store))
    serving.model.verify()
    if store is not None and not folder:
        check_recent(serving, store.predictions.latest(RECENT))
    return serving


def packaged_at(settings: Settings) -> Path | None:
    """Return the folder of the bundle that came with the service, if one did."""
    if settings.model_path:
        return Path(settings.model_path)
    return PACKAGED if PACKAGED.is_dir() else None


def check_recent(serving: Serving, recent: Sequence[Prediction]) -> None:
    """Raise BrokenBundle where the version puts all recent users on one side and nothing explains it.

    Explained: too few different users, a share on the test days that makes it likely, or that the version which
    answered them put them there too.
    """
    document = serving.model.document
    length = 4 * len(NAMES)
    newest = {
        p.user_id: p
        for p in reversed(recent)
        if p.feature_version == document.feature_version and len(p.features) == length
    }
    if not newest:
        return
    probabilities = serving.probabilities([p.features for p in newest.values()])
    if not all(isfinite(probability) for probability in probabilities):
        raise BrokenBundle(
            "The model answers recent requests with numbers that are not finite. Roll it back."
        )
    share = float(np.mean([probability >= document.threshold for probability in probabilities]))
    before = float(np.mean([p.prediction for p in newest.values()]))
    expected = document.contact_share
    chance = {0.0: 1 - expected.low, 1.0: expected.high}.get(share, 1.0) ** len(newest)
    if chance < IMPLAUSIBLE and abs(before - share) > 0.5:
        raise BrokenBundle(
            f"The model puts {share:.0%} of {len(newest)} recent users at or above its threshold; on its test days "
            f"it was {expected.low:.0%} to {expected.high:.0%}. Roll it back."
        )


def _from_folder(folder: Path) -> Serving:
    version = folder / "version"
    name = version.read_text(encoding="utf-8").strip() if version.is_file() else "packaged"
    return Serving(version=name, model=Model(Bundle.load(folder)))


def _from_store(reference: str, store: Store) -> Serving:
    version, _, digest = reference.partition("@")
    if not version or not digest.startswith("sha256:"):
        raise SettingsError(
            "PROPENSITY_MODEL_REFERENCE is not of the form version@sha256:…. Set it right, or unset it."
        )
    files = store.bundles.get(digest)
    if files is None:
        raise BrokenBundle(
            f"The store holds no bundle {digest}. Promote version {version} again, or roll back."
        )
    bundle = Bundle(files)
    bundle.expect(digest)
    champion = store.champion()
    is_champion = champion is not None and champion.digest == digest
    return Serving(
        version=version,
        model=Model(bundle),
        alias="production" if is_champion else None,
        verdict=champion.verdict if champion and is_champion else None,
    )


def _needed_store(store: Store | None) -> Store:
    if store is None:
        raise SettingsError("There is neither a store nor a packaged model. Set PROPENSITY_STORE_URI.")
    return store
