"""A platform in memory, for tests of what stands on one; test_platform holds it to the contract of the real ones."""

from collections.abc import Sequence

from propensity.errors import ClusterUnavailable


class MemoryPlatform:
    """Trainings and the served model as two dictionaries; pods become ready unless told otherwise."""

    def __init__(self) -> None:
        self.started: dict[int, list[object]] = {}
        self.ended: set[int] = set()
        self.told: list[str] = []
        self.unready: set[str] = set()
        self.is_away = False

    def start_training(self, number: int, triggers: Sequence[object], /) -> str:
        self._reach()
        self.started.setdefault(number, list(triggers))
        return f"training-{number}"

    def training_is_gone(self, number: int, /) -> bool:
        self._reach()
        return number in self.ended or number not in self.started

    def annotated(self) -> str:
        self._reach()
        return self.told[-1] if self.told else ""

    def annotate(self, reference: str, /) -> None:
        if self.annotated() != reference:
            self.told.append(reference)

    def is_ready(self) -> bool:
        return bool(self.annotated()) and self.annotated() not in self.unready

    def _reach(self) -> None:
        if self.is_away:
            raise ClusterUnavailable("The Kubernetes API does not answer. Try again later.")
