"""A bundle made able to answer: the one module that knows ONNX Runtime.

Training's gate, the score job and the service all ask through it, so what was gated is what is served.
"""

import time
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as states

from propensity.bundle import Bundle
from propensity.errors import BrokenBundle
from propensity.features import definition

TOLERANCE: Final = 1e-5
"""How far a recorded answer may be from today's: float32 sums differ between processors, models differ more."""
MAX_ROW_SECONDS: Final = 0.25
"""Longest one row may take: a model that slow would stop the service."""
TRIES: Final = 3
"""The quickest counts: a machine busy with other work must not make a good model look slow."""

_LOAD_ERRORS: Final = (
    states.Fail,
    states.InvalidArgument,
    states.InvalidGraph,
    states.InvalidProtobuf,
    states.NoModel,
    states.NotImplemented,
    states.RuntimeException,
)
"""ONNX Runtime's exceptions have no ancestor of their own."""

Rows = NDArray[np.float32]


class Model:
    """Answers feature rows with probabilities; thread-safe."""

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        """Load the graph; BrokenBundle where it is none or wants other features than this release computes."""
        self.bundle = bundle
        self.document = bundle.document
        _check_features(self.document.feature_version, self.document.features)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                bundle.onnx, options, providers=["CPUExecutionProvider"]
            )
        except (*_LOAD_ERRORS, ValueError) as error:
            raise BrokenBundle(
                f"The bundle's model.onnx can't be loaded: {error}. Train the version again."
            ) from error
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[-1].name

    def probabilities(self, rows: Rows) -> NDArray[np.float32]:
        """Return P(buys within 24 h) for rows of shape (n, features), as shape (n,)."""
        answers: NDArray[np.float32] = self._session.run([self._output], {self._input: rows})[0]
        return answers[:, 1]

    def sound_probabilities(self, rows: Rows) -> NDArray[np.float32]:
        """Return the same within 0 to 1, out of which adding float32 rounds some; BrokenBundle for other numbers."""
        answers = self.probabilities(rows)
        unsound = int((~((answers >= -TOLERANCE) & (answers <= 1 + TOLERANCE))).sum())
        if unsound:
            raise BrokenBundle(
                f"The model's answers to {unsound:,} of {len(answers):,} users are no probabilities. Roll it back."
            )
        return np.clip(answers, 0, 1)

    def verify(self) -> None:
        """Raise BrokenBundle unless the recorded inputs get their recorded answers: finite, equal, in time."""
        recorded = self.bundle.recorded
        rows = np.asarray(recorded.inputs, dtype=np.float32).reshape(-1, len(self.document.features))
        expected = np.asarray(recorded.probabilities)
        if not len(rows) or len(rows) != len(expected):
            raise BrokenBundle("The bundle records no answers to verify it by. Train the version again.")
        single = self.probabilities(rows[:1])
        seconds = min(self._seconds_for(rows[:1]) for _ in range(TRIES))
        if seconds > MAX_ROW_SECONDS:
            raise BrokenBundle(
                f"The model takes {seconds:.2f} s for one row (limit {MAX_ROW_SECONDS}). Roll it back."
            )
        answers = self.probabilities(rows)
        if not (np.isfinite(answers).all() and np.isfinite(single).all()):
            raise BrokenBundle("The model answers with numbers that are not finite. Roll it back.")
        worst = float(np.abs(answers - expected).max())
        if worst > TOLERANCE:
            raise BrokenBundle(
                f"The model's answers differ from those recorded by {worst:.2g}. Roll it back."
            )

    def _seconds_for(self, rows: Rows) -> float:
        started = time.perf_counter()
        self.probabilities(rows)
        return time.perf_counter() - started


def _check_features(version: int, names: list[str]) -> None:
    if version not in definition.SERVED_VERSIONS:
        raise BrokenBundle(
            f"The model wants feature version {version}, this release computes {definition.VERSION}. "
            "Train again, or serve it with the release it was trained by."
        )
    unknown = [name for name in names if name not in definition.NAMES]
    if unknown:
        raise BrokenBundle(f"The model wants features this release does not compute: {unknown}. Train again.")
