"""The floor of Propensity: what two rooms need, and nothing that only one of them does."""

import os

__version__ = "0.1.0"

# Libraries read these when they are imported, so the floor says no before any of them is.
for _name in ("BENTOML_DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ.setdefault(_name, "true")
