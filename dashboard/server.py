"""What `propensity dashboard` serves: the pages behind their wall, with the slow imports done before the first visitor.

`streamlit run` finds `app` in this file by reading it, so it is made by name: `st.App(...)`.
"""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import streamlit as st
from starlette.middleware import Middleware

from dashboard.wall import Wall

SLOW: Final = ("altair", "pandas", "onnxruntime", "mlflow", "dashboard.reading", "propensity.registry")
"""Some four seconds of imports, which nobody should wait for on their first page."""


@asynccontextmanager
async def prepared(_: st.App) -> AsyncIterator[None]:
    """Import before the port opens; a pod is ready when its pages are quick."""
    for name in SLOW:
        importlib.import_module(name)
    yield


app = st.App(Path(__file__).with_name("app.py"), lifespan=prepared, middleware=[Middleware(Wall)])
