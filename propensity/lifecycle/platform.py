"""What retraining and rollouts ask of the ground they stand on: a laptop's processes, or a cluster's Jobs and pods."""

from collections.abc import Sequence
from typing import Protocol

from propensity.settings import Settings


class Platform(Protocol):
    """Trainings by number, and the model that the service was told to serve; all may be asked for twice."""

    def start_training(self, number: int, triggers: Sequence[object], /) -> str:
        """Start the training of a number; return the name of its Job or process, also where that is there already."""

    def training_is_gone(self, number: int, /) -> bool:
        """Whether the Job or process of a number has ended or never was."""

    def annotated(self) -> str:
        """Return the reference (`version@sha256:…`) that the service was told to serve; empty for none."""

    def annotate(self, reference: str, /) -> None:
        """Tell the service which model to serve."""

    def is_ready(self) -> bool:
        """Whether the whole service serves what it was told."""


def open_platform(settings: Settings) -> Platform:
    """Open the ground the settings name; the Kubernetes client is imported only there."""
    if settings.platform == "kubernetes":
        from propensity.cluster import open_cluster  # noqa: PLC0415 - a laptop need not have it

        return open_cluster(settings)
    from propensity.lifecycle.embedded import EmbeddedPlatform  # noqa: PLC0415

    return EmbeddedPlatform(settings.home)
