# ruff: noqa: INP001 - the pod of MLflow hands this text to `python -c`
"""Brings MLflow's database to the schema of this version, as `mlflow db upgrade` does, which wants the address as an argument.

An argument can be read by whoever lists processes, and the address may hold what opens the database.
"""

import os

from mlflow.cli import cli

cli(["db", "upgrade", os.environ["MLFLOW_BACKEND_STORE_URI"]])
