"""What every command opens on its way in: settings, logging, the clock, the store and the registry."""

import getpass
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from propensity.registry import Registry
    from propensity.settings import Settings
    from propensity.store import Store


def now() -> int:
    """Return the time in microseconds since the epoch: the one place where commands read the clock."""
    return time.time_ns() // 1000


def actor() -> str:
    """Return who types, for the ledger: user and machine, which on a cluster is the pod; in a container a number."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    return f"{name} at {socket.gethostname()}"


def say(line: str = "") -> None:
    """Tell the person at the terminal what is being done; stdout stays for results."""
    click.echo(line, err=True)


def settle(**given: object) -> "Settings":
    """Read the settings, with what the command line gave on top, and set up logging."""
    from propensity.log import set_up_logging
    from propensity.settings import read_settings

    settings = read_settings(**{name: value for name, value in given.items() if value is not None})
    on_cluster = settings.platform == "kubernetes"  # a person at a terminal reads the results, not the log
    set_up_logging(settings.log_format, level=logging.INFO if on_cluster else logging.WARNING)
    return settings


@contextmanager
def opened_store(settings: "Settings") -> Iterator["Store"]:
    """Open the store and close it on the way out."""
    from propensity.store import open_store

    with open_store(settings.store_uri.get_secret_value()) as store:
        yield store


def open_registry(settings: "Settings") -> "Registry":
    """Open the registry; its import takes seconds, so a person is told."""
    if sys.stderr.isatty():
        say("Opening the registry …")
    from propensity.registry import Registry

    return Registry(settings.tracking_uri, artifacts=settings.home / "artifacts")


def as_time(micros: int | None) -> str:
    """Return a time for reading, UTC."""
    if micros is None:
        return "-"
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(micros // 1_000_000))
