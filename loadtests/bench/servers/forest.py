"""The forest that all peers answer with, as the bench's material holds it: skops for scikit-learn, and ONNX.

BENCH_MATERIAL names the folder. One thread each: the server has one core.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def material() -> Path:
    """Return the folder of what the bench made."""
    return Path(os.environ["BENCH_MATERIAL"])


def names() -> list[str]:
    """Return the features in the order of the forest's columns."""
    found: list[str] = json.loads((material() / "names.json").read_text())
    return found


def load_forest() -> Any:
    """Return the scikit-learn forest."""
    import skops.io  # noqa: PLC0415 - the ONNX peers have no use for it

    path = material() / "forest.skops"
    return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))


class OnnxForest:
    """The same forest in ONNX Runtime."""

    def __init__(self) -> None:
        import onnxruntime  # noqa: PLC0415 - the scikit-learn peers have no use for it

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            material() / "forest.onnx", options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[-1].name

    def probability(self, row: list[float]) -> float:
        """Return the probability for one row."""
        rows: NDArray[np.float32] = np.array([row], dtype=np.float32)
        return float(self._session.run([self._output], {self._input: rows})[0][0, 1])
