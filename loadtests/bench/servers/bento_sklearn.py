"""BentoML with scikit-learn, as its quick start has it: one row a call, or calls put together by `batchable`."""

import bentoml
import numpy as np

from loadtests.bench.servers.forest import load_forest


@bentoml.service(name="plain", workers=1)
class Plain:
    """One call, one row."""

    def __init__(self) -> None:
        self._forest = load_forest()

    @bentoml.api  # type: ignore[untyped-decorator]
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Answer for the rows."""
        return np.asarray(self._forest.predict_proba(rows)[:, 1])


@bentoml.service(name="batchable", workers=1)
class Batchable:
    """Rows of several calls put together."""

    def __init__(self) -> None:
        self._forest = load_forest()

    @bentoml.api(batchable=True)  # type: ignore[untyped-decorator]
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Answer for the rows."""
        return np.asarray(self._forest.predict_proba(rows)[:, 1])
