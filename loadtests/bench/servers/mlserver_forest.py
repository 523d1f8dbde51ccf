"""MLServer with the forest: its own scikit-learn runtime takes pickles only, so this one reads skops."""

import pandas as pd  # noqa: F401 - MLServer's codecs for it are registered by the import
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from loadtests.bench.servers.forest import load_forest


class Forest(MLModel):  # type: ignore[misc]
    """The forest as a model of MLServer."""

    async def load(self) -> bool:
        """Read the forest."""
        self._forest = load_forest()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer for the rows."""
        rows = NumpyCodec.decode_input(payload.inputs[0])
        answers = self._forest.predict_proba(rows)[:, 1]
        output = NumpyCodec.encode_output(name="probability", payload=answers)
        return InferenceResponse(model_name=self.name, outputs=[output])
