"""Where the model that is served comes from, and what it must show before it is.

A packaged bundle first, then a pinned reference, then the store's record of the champion. Before a version is served
it must give its recorded answers again, and on recent requests it must not put everybody on one side of the threshold
when its test days say otherwise.
"""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Final

import numpy as np

from bentos.scorer.serving import Serving
from propensity.bundle import Bundle
from propensity.errors import BrokenBundle, SettingsError
from propensity.features.definition import NAMES
from propensity.lifecycle.champion import bundle_of, champion_of
from propensity.model import Model
from propensity.settings import Settings
from propensity.store import Prediction, Store

PACKAGED: Final = Path(__file__).parent / "packaged"
"""Where `packaging` puts a bundle and the file that names its version."""
RECENT: Final = 500
"""Recent requests that a new version is tried on."""
LOOKED_UP: Final = "store"
"""Where features came from when the client named a user and no more."""
IMPLAUSIBLE: Final = 1e-9
"""How unlikely a one-sided verdict must be by the test days' share; low, because requests are no random users."""


def wanted(settings: Settings, store: Store | None) -> str:
    """Return the reference of the version to serve; NoChampion where there is none yet."""
    if packaged_at(settings):
        return "packaged"
    if settings.model_reference:
        return settings.model_reference
    return champion_of(_needed_store(store)).reference


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
    answered them put them there too. Only rows that we looked up count: what a client makes up must not be able to
    keep a good version out.
    """
    document = serving.model.document
    length = 4 * len(NAMES)
    newest = {
        p.user_id: p
        for p in reversed(recent)
        if p.features_from == LOOKED_UP
        and p.feature_version == document.feature_version
        and len(p.features) == length
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
    independent = len({p.features for p in newest.values()})  # users nobody knows anything of are all one
    chance = {0.0: 1 - expected.low, 1.0: expected.high}.get(share, 1.0) ** independent
    if chance < IMPLAUSIBLE and abs(before - share) > 0.5:
        raise BrokenBundle(
            f"The model puts {share:.0%} of {len(newest)} recent users at or above its threshold; on its test days "
            f"it was {expected.low:.0%} to {expected.high:.0%}. Roll it back."
        )


def _from_folder(folder: Path) -> Serving:
    version = _beside(folder, "version") or "packaged"
    return Serving(
        version=version, model=Model(Bundle.load(folder)), verdict=_beside(folder, "verdict") or None
    )


def _beside(folder: Path, name: str) -> str:
    """Return what packaging wrote beside the bundle; empty where the folder holds a bundle alone."""
    path = folder / name
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _from_store(reference: str, store: Store) -> Serving:
    version, _, digest = reference.partition("@")
    if not version or not digest.startswith("sha256:"):
        raise SettingsError(
            "PROPENSITY_MODEL_REFERENCE is not of the form version@sha256:…. Set it right, or unset it."
        )
    bundle = bundle_of(store, digest)
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
