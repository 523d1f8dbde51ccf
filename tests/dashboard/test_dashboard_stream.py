"""What a browser may ask for over its websocket, before the login, after it, and after it has ended."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.exceptions import ConnectionClosed

from dashboard.door import MAX_FAILURES
from propensity.store import open_store
from tests.dashboard.served import served
from tests.dashboard.tab import Tab

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def home(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shop, to write into."""
    copy = tmp_path_factory.mktemp("served")
    for name in ("store.db", "mlflow.db"):
        shutil.copy(shop / name, copy / name)
    return copy


@pytest.fixture
def passwords(access: Path) -> Path:
    """The folder of passwords, as it was at first."""
    (access / "reader").write_text("look")
    (access / "operator").write_text("press")
    return access


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("access")
    (folder / "operator").write_text("press")
    return folder


@pytest.fixture(scope="module")
def address(home: Path, access: Path) -> Iterator[str]:
    with served(home, access=access) as url:
        yield url


@pytest.fixture
def tab(address: str, passwords: Path) -> Iterator[Tab]:
    del passwords
    with Tab(address) as opened:
        yield opened


def test_a_part_that_runs_by_itself_stops_when_the_password_changes(tab: Tab, passwords: Path) -> None:
    tab.log_in("press")
    tab.run(page="Operations")
    (fragment,) = tab.fragments()
    tab.run(page="Operations", fragment=fragment)
    assert any("Last request" in one.body or "under way" in one.body for one in tab.elements("markdown"))
    (passwords / "operator").write_text("rotated")
    tab.run(page="Operations", fragment=fragment)
    assert [one.label for one in tab.elements("text_input")] == ["Password"]
    assert not any("under way" in one.body for one in tab.elements("markdown"))


def test_an_upload_ends_with_the_password(tab: Tab, passwords: Path, address: str) -> None:
    tab.log_in("look")
    with httpx.Client() as client:
        client.get(f"{address}/_stcore/health")
        place = f"{address}/_stcore/upload_file/{tab.session}/a-file"
        headers = {"X-Xsrftoken": client.cookies.get("_streamlit_xsrf", "")}

        def put() -> int:
            return client.put(place, files={"file": ("a.csv", b"user_id")}, headers=headers).status_code

        assert put() == 204
        (passwords / "reader").write_text("rotated")
        assert put() == 403


def test_a_list_is_downloaded_again_by_whom_is_in_and_each_time_is_noted(
    tab: Tab, passwords: Path, home: Path, address: str
) -> None:
    tab.log_in("press")
    tab.run(page="Users to target")
    button = next(one for one in tab.elements("download_button") if one.label == "Download again")
    noted = len(exports(home))
    error, url = ask_for(tab, button.deferred_file_id)
    assert not error
    assert httpx.get(f"{address}{url}").text.startswith('"user_id"')
    assert len(exports(home)) == noted + 1
    assert "downloaded the list 'autumn sale' again" in exports(home)[0]
    (passwords / "operator").write_text("rotated")
    message = request_of(tab, button.deferred_file_id)
    tab.send(message)
    tab.run(page="Users to target")
    assert not [one for one in tab.told if one.HasField("backend_operation_response")]
    assert len(exports(home)) == noted + 1


def request_of(tab: Tab, file_id: str) -> BackMsg:
    message = BackMsg()
    message.backend_operation_request.request_id = "1"
    message.backend_operation_request.session_id = tab.session
    message.backend_operation_request.deferred_file.file_id = file_id
    return message


def ask_for(tab: Tab, file_id: str) -> tuple[str, str]:
    tab.send(request_of(tab, file_id))
    while True:
        message = tab.receive()
        if message.HasField("backend_operation_response"):
            answer = message.backend_operation_response
            return answer.error_msg, answer.deferred_file.url


def exports(home: Path) -> list[str]:
    with open_store(f"sqlite:///{home}/store.db") as store:
        return [one.reason for one in store.ledger.latest(50, "export")]


def test_a_stranger_sends_little(tab: Tab) -> None:
    tab.run()
    (field,) = tab.elements("text_input")
    with pytest.raises(ConnectionClosed):
        tab.run(WidgetState(id=field.id, string_value="x" * 100_000))


def test_nobody_clears_what_others_use(tab: Tab) -> None:
    tab.log_in("press")
    order = BackMsg()
    order.clear_cache = True
    tab.send(order)
    tab.run(page="Overview")
    assert not tab.elements("text_input"), "the session was cleared too: its person is out"


def test_clearing_the_caches_does_not_release_the_brake_on_guessing(tab: Tab) -> None:
    """The last test of this file: from its address nobody gets in for a minute."""
    for _ in range(MAX_FAILURES):
        tab.log_in("guess")
    assert "That is not it" in tab.errors()[0]
    order = BackMsg()
    order.clear_cache = True
    tab.send(order)
    tab.log_in("press")
    assert "was not looked at" in tab.errors()[0]
