"""FastAPI with an asynchronous handler and ONNX Runtime: the baseline after the first round of tuning."""

import pydantic
from fastapi import FastAPI

from loadtests.bench.servers.forest import OnnxForest, names

_NAMES = names()
_forest = OnnxForest()
_Features = pydantic.create_model("_Features", **dict.fromkeys(_NAMES, (float, ...)))  # type: ignore[call-overload]


class Asked(_Features):
    """A user with features."""

    user_id: str


async def predict(asked: Asked) -> dict[str, object]:
    """Answer for one user."""
    probability = _forest.probability([getattr(asked, name) for name in _NAMES])
    return {"user_id": asked.user_id, "prediction": int(probability >= 0.5), "probability": probability}


app = FastAPI()
app.add_api_route("/predict", predict, methods=["POST"])
