"""The baseline: FastAPI, a pydantic body, a DataFrame of one row, scikit-learn; what most people write."""

import pandas as pd
import pydantic
from fastapi import FastAPI

from loadtests.bench.servers.forest import load_forest, names

_NAMES = names()
_forest = load_forest()


class Asked(pydantic.BaseModel):
    """A user with features."""

    model_config = pydantic.ConfigDict(extra="allow")
    user_id: str


def predict(asked: Asked) -> dict[str, object]:
    """Answer for one user."""
    row = pd.DataFrame([asked.model_extra], columns=_NAMES)
    probability = float(_forest.predict_proba(row)[0, 1])
    return {"user_id": asked.user_id, "prediction": int(probability >= 0.5), "probability": probability}


app = FastAPI()
app.add_api_route("/predict", predict, methods=["POST"])
