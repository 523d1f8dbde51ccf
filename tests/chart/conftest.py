"""What the chart's tests share: helm, and the chart as it renders with it."""

from collections.abc import Callable, Iterator

import pytest

from tests.chart.live import Release, installed
from tests.chart.rendering import CHART, Rendered, find_helms, template


@pytest.fixture(scope="session")
def helms() -> dict[str, str]:
    """Every helm on this machine."""
    found = find_helms()
    if not found:
        pytest.skip("There is no helm on the PATH, nor a cluster kit. Install helm, or set CLUSTER_KIT.")
    return found


@pytest.fixture(scope="session")
def render(helms: dict[str, str]) -> Callable[..., Rendered]:
    """A function of value assignments (`scorer.spoolMaxMb=1`) and values files that renders with the newest helm."""

    def function(*assignments: str, files: tuple[str, ...] = (), json: tuple[str, ...] = ()) -> Rendered:
        named = [option for file in files for option in ("--values", str(CHART / file))]
        given = [option for assignment in assignments for option in ("--set", assignment)]
        whole = [option for assignment in json for option in ("--set-json", assignment)]
        return template(helms[max(helms)], *named, *given, *whole)

    return function


@pytest.fixture(scope="session")
def default(render: Callable[..., Rendered]) -> Rendered:
    """What an install without any value gives."""
    return render()


@pytest.fixture(scope="session")
def everything(render: Callable[..., Rendered]) -> Rendered:
    """What every switch on gives."""
    return render(files=("ci/everything-on.yaml",))


@pytest.fixture(scope="session")
def release(helms: dict[str, str]) -> Iterator[Release]:
    """The policies, roles and accounts of a release on a real API server."""
    with installed(helms[max(helms)]) as made:
        yield made
