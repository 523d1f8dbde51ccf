"""A challenger: a trained model in the registry, and how a run that is tried again finds the one it had made.

Fitting takes longest and a crash after it should not cost it: the version carries the mark of its training, so that the
next run of the same training goes on from the gate and no second version is made of the same data.
"""

import logging
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from propensity.bundle import Bundle
from propensity.errors import BrokenBundle
from propensity.registry import CHALLENGER, Registry, TrainingRecord, Version
from training.model import Trained

logger = logging.getLogger(__name__)

MARK: Final = "training"
"""Tag of a version that says which training made it."""


class Challenger(NamedTuple):
    """A version, and what is to be gated and served of it."""

    version: Version
    bundle: Bundle
    trained: Trained | None
    """None where an earlier run of its training made it."""


def register(trained: Trained, *, mark: str, registry: Registry) -> Challenger:
    """Register a model with everything its training says of it, as the alias `challenger`."""
    document = trained.document
    tags = {name: getattr(document, name) for name in ("git_commit", "data_digest", "estimator")}
    with tempfile.TemporaryDirectory() as folder:
        trained.write_artifacts(Path(folder))
        record = TrainingRecord(
            parameters=trained.parameters,
            metrics=trained.metrics,
            tags={**tags, MARK: mark},
            bundle=trained.bundle,
            pipeline=trained.pipeline,
            artifacts=Path(folder),
        )
        return Challenger(registry.record(record), trained.bundle, trained)


def registered_before(mark: str, *, registry: Registry) -> Challenger | None:
    """Return the challenger with this mark; None where there is none, or its bundle is lost."""
    version = registry.at(CHALLENGER)
    if version is None or version.tags.get(MARK) != mark:
        return None
    try:
        return Challenger(version, registry.bundle(version), None)
    except BrokenBundle as error:
        logger.warning("the challenger made before is lost", extra={"why": str(error)})
        return None
