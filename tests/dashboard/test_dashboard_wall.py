"""The wall before Streamlit's routes: strangers upload nothing, no other site frames the pages."""

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse

from dashboard import admitted as admission
from dashboard.admitted import Admitted
from dashboard.wall import Wall


def ask(path: str, *, admitted: Admitted) -> httpx.Response:
    behind = Wall(PlainTextResponse("through"), admitted=admitted)

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(behind)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
            return await client.put(path, content=b"user_id")

    return asyncio.run(asked())


@pytest.mark.parametrize("base", ["", "/dashboard"])
def test_only_who_was_let_in_uploads(base: str) -> None:
    admitted = Admitted()
    admitted.add("ann")
    assert ask(f"{base}/_stcore/upload_file/ann/1", admitted=admitted).text == "through"
    assert ask(f"{base}/_stcore/upload_file/stranger/1", admitted=admitted).status_code == 403
    assert ask(f"{base}/_stcore/upload_file//1", admitted=admitted).status_code == 403
    assert ask(f"{base}/_stcore%2Fupload_file/stranger/ann", admitted=admitted).status_code == 403
    admitted.remove("ann")
    assert ask(f"{base}/_stcore/upload_file/ann/1", admitted=admitted).status_code == 403


def test_session_counts_are_nobodys_business() -> None:
    assert ask("/dashboard/_stcore/metrics", admitted=Admitted()).status_code == 404
    assert ask("/dashboard/_stcore/metrics/", admitted=Admitted()).status_code == 404


@pytest.mark.parametrize("path", ["/", "/_stcore/upload_file/stranger/1"])
def test_every_answer_forbids_foreign_frames(path: str) -> None:
    headers = ask(path, admitted=Admitted()).headers
    assert headers["content-security-policy"] == "frame-ancestors 'self'"
    assert headers["x-content-type-options"] == "nosniff"


def test_old_tabs_are_forgotten_and_new_ones_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MOST", 3)
    admitted = Admitted()
    for name in "abcab":
        admitted.add(name)
    admitted.add("d")
    assert list(admitted) == ["a", "b", "d"]
