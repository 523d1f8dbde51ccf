"""Opens the engine that the settings name; Dask is imported only where one gives its address."""

from collections.abc import Iterator
from contextlib import contextmanager

from propensity.engine.machine import HERE, Engine
from propensity.settings import Settings


@contextmanager
def open_engine(settings: Settings) -> Iterator[Engine]:
    """Give the engine, connected; EngineUnavailable where Dask does not answer: there is no falling back to one machine.

    A training that silently takes ten times as long, or more memory than its pod has, helps nobody.
    """
    if not settings.dask_address:
        yield HERE
        return
    from propensity.engine.scheduler import DaskEngine  # noqa: PLC0415 - seconds, and not in every image

    engine = DaskEngine(settings.dask_address)
    try:
        yield engine
    finally:
        engine.close()
