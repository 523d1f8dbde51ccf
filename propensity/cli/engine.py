"""The engine as commands open it, wait for it and report it: this machine, or a Dask scheduler where one is named."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from propensity.cli import door

if TYPE_CHECKING:
    from propensity.engine import Engine
    from propensity.settings import Settings


@contextmanager
def opened_engine(settings: "Settings") -> Iterator["Engine"]:
    """Open the engine and close it on the way out; connecting takes a moment, so a person is told."""
    from propensity.engine import open_engine

    if settings.dask_address:
        door.say(f"Connecting to Dask at {settings.dask_address}.")
    with open_engine(settings) as engine:
        yield engine


def ping_engine(settings: "Settings") -> None:
    """Raise EngineUnavailable unless Dask, where it is named, has workers of this release now."""
    if settings.dask_address:
        from propensity.engine import open_engine

        with open_engine(settings):
            pass


def check_engine(settings: "Settings") -> Iterator[tuple[str, str]]:
    """Look at Dask, where its address is set."""
    if settings.dask_address:
        ping_engine(settings)
        yield "ok", f"Dask answers at {settings.dask_address}, with workers of this release"
