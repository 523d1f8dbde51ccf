"""The command that opens the dashboard; on a laptop with an operator beside it, who does what its buttons ask for."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Final

import click

from propensity.cli import door
from propensity.errors import SettingsError

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@click.command()
@click.option("--port", default=8501, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 opens it to the network.")
@click.option("--path", default="", help="First part of the address behind an ingress, such as /dashboard.")
def dashboard(port: int, host: str, path: str) -> None:
    """Open the dashboard (Streamlit).

    In embedded mode an operator runs beside it, so that its buttons do something; on a cluster the chart's does.

    \b
    Example:
      propensity dashboard
      propensity dashboard --port 8600
    """
    from dashboard.roles import check

    settings = door.settle()
    check(settings)
    is_open = not (settings.dashboard_access or settings.dashboard_oidc)
    # Where nobody is asked who they are, another site whose name is made to lead here (DNS rebinding) is kept out.
    command = dashboard_command(port=port, host=host, path=path, hosts=sorted(LOOPBACK) if is_open else ())
    if settings.platform == "kubernetes":
        os.execv(command[0], command)  # noqa: S606 - the process becomes streamlit, signals included
    if host not in LOOPBACK and is_open:
        raise SettingsError(
            f"On {host} anybody could open the dashboard. Set PROPENSITY_DASHBOARD_ACCESS to a folder of passwords, "
            "or leave --host away."
        )
    signal.signal(signal.SIGTERM, _leave)
    with operating():
        sys.exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own command


def _leave(number: int, _: object) -> None:
    """End as one who was killed by a signal does, but with pages and operator ended first."""
    sys.exit(128 + number)


def dashboard_command(*, port: int, host: str, path: str = "", hosts: Iterable[str] = ()) -> list[str]:
    """Return the command that serves the pages, under some names of the machine only where they are given.

    It is streamlit's own, with this interpreter.
    """
    from importlib.util import find_spec

    spec = find_spec("dashboard.server")
    if spec is None or spec.origin is None or find_spec("streamlit") is None:
        raise SettingsError(
            "The dashboard is not installed. Run `uv sync --group dashboard`, or use its image."
        )
    options = {"server.port": str(port), "server.address": host, "server.baseUrlPath": path.strip("/")}
    flags = [word for name, text in options.items() if text for word in (f"--{name}", text)]
    flags += [word for name in hosts for word in ("--server.allowedHosts", name)]
    return [sys.executable, "-m", "streamlit", "run", spec.origin, *flags]


@contextlib.contextmanager
def operating() -> Iterator[None]:
    """Run an operator as a process for as long as the body runs."""
    process = subprocess.Popen([sys.executable, "-m", "propensity", "operate"])
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)
