"""The routes themselves: probes, docs, errors, bounds, keys."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bentos.scorer import front as front_module
from bentos.scorer import routes
from bentos.scorer.assembly import Assembly
from bentos.scorer.keys import new_key
from propensity.errors import SettingsError
from propensity.settings import Settings, read_settings

Ask = Callable[..., Any]
ROUTES = {
    "/predict": "POST",
    "/predict/batch": "POST",
    "/events": "POST",
    "/model": "GET",
    "/livez": "GET",
    "/readyz": "GET",
    "/metrics": "GET",
    "/docs": "GET",
    "/docs.json": "GET",
}


def test_an_unknown_path_is_404_in_the_one_error_shape(ask: Ask) -> None:
    answer = ask("GET", "/nothing/here")
    assert answer.status_code == 404
    assert set(answer.json()["error"]) == {"code", "message", "field"}


@pytest.mark.parametrize(("path", "method"), ROUTES.items())
def test_a_wrong_method_is_405_and_says_which_is_right(ask: Ask, path: str, method: str) -> None:
    answer = ask("DELETE", path)
    assert answer.status_code == 405
    assert method in answer.headers["allow"]


def test_a_body_over_64_kib_is_413(ask: Ask) -> None:
    assert ask("POST", "/predict", content=b" " * 65_537).status_code == 413


def test_a_chunked_body_is_bounded_while_it_is_read(ask: Ask) -> None:
    read = 0

    async def endless() -> Any:
        nonlocal read
        while True:
            read += 1
            yield b" " * 16_384

    answer = ask("POST", "/predict", content=endless())
    assert answer.status_code == 413
    assert read < 10


def test_a_batch_may_be_larger_but_not_over_4_mib(ask: Ask) -> None:
    body = json.dumps({"users": [{"user_id": "a", "cart_count": 1}]}).encode()
    assert ask("POST", "/predict/batch", content=body + b" " * 1_000_000).status_code == 200
    assert ask("POST", "/predict/batch", content=body + b" " * 4_194_304).status_code == 413
    assert ask("POST", "/events", content=b" " * 4_194_305).status_code == 413


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "text/plain",
        "application/x-www-form-urlencoded",
    ],
)
def test_json_is_read_whatever_usual_content_type_it_is_sent_with(ask: Ask, kind: str) -> None:
    answer = ask("POST", "/predict", content=b'{"user_id": "known"}', headers={"content-type": kind})
    assert answer.status_code == 200


def test_a_content_type_that_is_no_json_is_415(ask: Ask) -> None:
    answer = ask("POST", "/predict", content=b"x", headers={"content-type": "image/png"})
    assert answer.status_code == 415


def test_the_model_is_described(ask: Ask) -> None:
    body = ask("GET", "/model").json()
    assert (body["version"], body["alias"], body["verdict"]) == ("7", "production", "promoted")
    assert body["metrics"]["roc_auc"] == {"value": 0.7, "low": 0.6, "high": 0.8}
    assert body["threshold"] == 0.4
    assert body["trained_at"] == "2025-11-22T08:26:40Z"
    assert {"name", "description", "unit"} == set(body["features"][0])


def test_a_service_with_a_verified_model_is_ready(ask: Ask) -> None:
    assert ask("GET", "/readyz").json() == {"status": "ready", "model_version": "7"}
    assert ask("GET", "/livez").status_code == 200
    assert ask("HEAD", "/readyz").status_code == 200


def test_a_service_that_is_starting_lives_and_is_not_ready(caller: Any) -> None:
    answer = caller(None)("GET", "/readyz")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "not_ready"


def test_docs_need_nothing_from_elsewhere_and_no_inline_script(ask: Ask) -> None:
    page = ask("GET", "/docs")
    assert page.headers["content-type"].startswith("text/html")
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert links
    assert all(link.startswith("/docs/") for link in links)
    assert all(ask("GET", link).status_code == 200 for link in links)
    assert not re.search(r"<script(?![^>]*src=)", page.text)
    assert "script-src 'self';" in page.headers["content-security-policy"]


def test_too_many_requests_at_once_are_429_and_told_when_to_come_again(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_module, "MAX_IN_FLIGHT", 0)
    answer = ask("POST", "/predict", json={"user_id": "known"})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert ask("GET", "/readyz").status_code == 200


def test_too_many_batches_at_once_are_429(ask: Ask) -> None:
    async def crowd() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=ask._app)  # type: ignore[attr-defined]
        async with httpx.AsyncClient(transport=transport, base_url="http://scorer") as client:
            batches = [client.post("/predict/batch", json={"users": []}) for _ in range(routes.MAX_LONG + 1)]
            return await asyncio.gather(*batches)

    *answers, last = asyncio.run(crowd())
    assert {answer.status_code for answer in answers} == {200}
    assert (last.status_code, last.headers["retry-after"]) == (429, "1")


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/events"])
@pytest.mark.parametrize(
    "arrived", [[], [{"type": "http.request", "body": b'{"user', "more_body": True}]], ids=["none", "part"]
)
def test_bodies_that_do_not_arrive_are_given_up_on_and_hold_no_place(
    assembly: Assembly, monkeypatch: pytest.MonkeyPatch, path: str, arrived: list[Any]
) -> None:
    monkeypatch.setattr("bentos.scorer.exchange.BODY_SECONDS", 0.05)
    app = front_module.Front(None, assembly=lambda: assembly)  # type: ignore[arg-type]
    scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"content-length", b"99")]}

    async def stalled() -> int:
        sent: list[Any] = []
        first = list(arrived)

        async def receive() -> Any:
            return first.pop() if first else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        await app(scope, receive, send)
        return int(sent[0]["status"])

    async def crowd() -> list[int]:
        async with asyncio.timeout(5):
            return await asyncio.gather(*(stalled() for _ in range(routes.MAX_LONG)))

    for _ in range(2):
        assert asyncio.run(crowd()) == [408] * routes.MAX_LONG


@pytest.fixture
def keys(
    settings: Settings,
    store: object,  # noqa: ARG001 - it makes the champion
    running: Any,
    caller: Any,
) -> Iterator[tuple[Ask, Path, dict[str, str]]]:
    """A service with a key for predicting and one for events, the file, and the secrets."""
    secrets, records = {}, []
    for name, scopes in (("shop", ["predict", "read"]), ("feed", ["events"])):
        secrets[name], record = new_key(name, scopes)
        records.append(record)
    path = settings.home / "keys.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records))
    with running(read_settings(home=settings.home, api_keys_file=str(path))) as assembly:
        assembly.keeper.ready(wait_seconds=10)
        yield caller(assembly), path, secrets


def test_without_a_key_the_answer_is_401_and_says_how(keys: Any) -> None:
    ask, _, secrets = keys
    for headers in (
        {},
        {"x-api-key": "wrong"},
        {"authorization": f"Basic {secrets['shop']}"},
        {"x-api-key": b"\xe9"},
    ):
        answer = ask("POST", "/predict", json={"user_id": "known"}, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_opens_what_its_scopes_say_by_either_header(keys: Any) -> None:
    ask, _, secrets = keys
    shop, feed = {"authorization": f"Bearer {secrets['shop']}"}, {"x-api-key": secrets["feed"]}
    assert ask("POST", "/predict", json={"user_id": "known"}, headers=shop).status_code == 200
    assert ask("GET", "/model", headers=shop).status_code == 200
    assert ask("POST", "/events", json=[], headers=feed).status_code == 202
    assert ask("POST", "/events", json=[], headers=shop).status_code == 403
    assert ask("POST", "/predict", json={"user_id": "known"}, headers=feed).status_code == 403


def test_probes_docs_and_metrics_need_no_key(keys: Any) -> None:
    ask, _, _ = keys
    for path in ("/livez", "/readyz", "/docs", "/docs.json", "/metrics"):
        assert ask("GET", path).status_code == 200


def test_a_key_is_added_and_withdrawn_without_a_restart(keys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, path, secrets = keys
    monkeypatch.setattr("bentos.scorer.keys.RECHECK_SECONDS", 0.0)
    fresh, record = new_key("new", ["predict"])
    path.write_text(json.dumps([record]))
    status = {
        name: ask("POST", "/predict", json={"user_id": "known"}, headers={"x-api-key": key}).status_code
        for name, key in (("old", secrets["shop"]), ("new", fresh))
    }
    assert status == {"old": 401, "new": 200}
    path.write_text("broken")
    assert ask("POST", "/predict", json={"user_id": "known"}, headers={"x-api-key": fresh}).status_code == 200


def test_the_file_keeps_no_secret(keys: Any) -> None:
    _, path, secrets = keys
    assert not any(secret in path.read_text() for secret in secrets.values())


def test_on_kubernetes_a_service_without_keys_does_not_start(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="PROPENSITY_API_KEYS_FILE is not set"):
        Assembly(read_settings(home=settings.home, platform="kubernetes"), now=lambda: 0)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '[{"name": "a"}]', '[{"name": "a", "sha256": "0", "scopes": ["predict"]}]']
)
def test_a_keys_file_that_cannot_be_used_is_refused_at_the_start(
    settings: Settings, content: str, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(SettingsError):
        Assembly(read_settings(home=settings.home, api_keys_file=str(path)), now=lambda: 0)
