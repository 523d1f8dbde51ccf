"""Why a user got an answer, and a user's right to be forgotten, asked through the ingress of an installed release.

After `POST /forget` the user is searched for in every collection of the database and on the disk of every scorer pod;
then the log is taken in again by a pod of the release, and the user searched for once more.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from bentos.scorer.keys import new_key
from tests.e2e.cluster import until
from tests.e2e.jobs import said, start
from tests.e2e.release import BRIEF, Release
from tests.e2e.test_story import TRAINED_DAYS, Shop

MOUNTED_SECONDS = 180
"""Until a changed Secret has reached every pod: the kubelet looks about once a minute."""
ADDRESS = "ann.o'neil@shop.test"
"""An id that no search by words would find whole."""
CHOOSE = """
for one in users.aggregate([{"$group": {"_id": "$user_id", "events": {"$sum": 1}}}, {"$sort": {"events": -1}}]):
    if one["events"] <= 12:
        print(one["_id"])
        break
"""
SEARCH = """
import re
whole = re.compile(r"(?<!\\w)" + re.escape(sys.argv[1]) + r"(?!\\w)")
def texts(value):
    if isinstance(value, str): yield value
    elif isinstance(value, dict): yield from (text for one in value.items() for part in one for text in texts(part))
    elif isinstance(value, list): yield from (text for part in value for text in texts(part))
for name in sorted(database.list_collection_names()):
    found = sum(any(map(whole.search, texts(one))) for one in database[name].find())
    if found: print(name, found)
"""
OPENED = """
import sys, pymongo
from propensity.cli import door
client = pymongo.MongoClient(door.settle().store_uri.get_secret_value())
database = client.get_default_database("propensity")
users = database["events"]
"""
ON_DISK = """
import pathlib, sys
for path in pathlib.Path("/var/spool/propensity").rglob("*"):
    if path.is_file() and sys.argv[1].encode() in path.read_bytes(): print(path)
"""
WHEN = f"{datetime.now(UTC) - timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}"
"""In the middle of the log, where one event more moves no window."""
EVENT = {"event_type": "view", "event_time": WHEN, "product_id": "p1"}


@pytest.fixture(scope="module")
def keys(release: Release) -> Mapping[str, str]:
    """A key of each scope that the chart's first key does not have, once every pod knows them."""
    name = f"{release.full}-api-keys"
    known = json.loads(release.secret(name, "keys.json"))
    made = {scope: new_key(f"e2e-{scope}", [scope]) for scope in ("explain", "forget")}
    records = [*known, *(record for _, record in made.values())]
    patch = json.dumps({"stringData": {"keys.json": json.dumps(records)}})
    release.cluster.kubectl("patch", "secret", name, "--patch", patch)
    secrets = {scope: secret for scope, (secret, _) in made.items()}

    def answers() -> set[int]:
        return {
            release.ask("POST", "/predict", key=secret, body=BRIEF).status_code
            for _ in range(8)
            for secret in secrets.values()
        }

    until(lambda: answers() == {403}, seconds=MOUNTED_SECONDS, what="the new keys in every pod")
    return secrets


def in_pod(release: Release, pod: str, program: str, *words: str) -> str:
    return release.cluster.kubectl(
        "exec", pod, "--container", "scorer", "--", "python", "-c", program, *words
    )


def in_database(release: Release, program: str, *words: str) -> str:
    """What a program says that the operator's pod runs on the database."""
    pod = f"deployment/{release.full}-operator"
    return release.cluster.kubectl("exec", pod, "--", "python", "-c", OPENED + program, *words).strip()


def places(release: Release, user: str) -> dict[str, str]:
    """Where a user stands: collections with how many documents, pods with their files."""
    found = {"database": in_database(release, SEARCH, user)}
    found |= {pod: in_pod(release, pod, ON_DISK, user).strip() for pod in release.ready("scorer")}
    return {name: there for name, there in found.items() if there}


@pytest.fixture(scope="module")
def user(release: Release) -> str:
    """A shopper of the log that the first training began with."""
    return in_database(release, CHOOSE)


def forget(release: Release, key: str | None, user: str) -> httpx.Response:
    body = {"user_id": user, "reason": f"{user} asked by letter"}
    return post(release, "/forget", key=key, body=body)


def post(release: Release, path: str, *, key: str | None, body: Any) -> httpx.Response:
    """Ask through the ingress what changes something: that has to say that it is JSON, so that no web page can send it."""
    headers = {"Host": release.host} | ({"X-API-Key": key} if key else {})
    return httpx.post(release.url + path, headers=headers, json=body, timeout=30)


def test_an_explanation_adds_up_to_the_answer_that_predict_gives(
    release: Release, key: str, keys: Mapping[str, str], user: str
) -> None:
    for asked in ({"user_id": user}, BRIEF):
        answer = release.ask("POST", "/predict", key=key, body=asked).json()
        found = release.ask("POST", "/explain", key=keys["explain"], body=asked)
        assert found.status_code == 200, found.text
        why = found.json()
        total = why["base"] + sum(one["contribution"] for one in why["contributions"])
        assert total == pytest.approx(why["raw"], abs=1e-6)
        assert why["model_version"] == answer["model_version"]
        assert why["probability"] == pytest.approx(answer["probability"], abs=1e-3), (
            "An hour may have passed."
        )
    assert release.ask("POST", "/explain", key=key, body=BRIEF).status_code == 403


def test_only_a_key_of_the_scope_may_forget(
    release: Release, key: str, keys: Mapping[str, str], user: str
) -> None:
    assert forget(release, None, user).status_code == 401
    assert forget(release, key, user).status_code == 403
    assert forget(release, keys["explain"], user).status_code == 403
    assert "events" in places(release, user)["database"]


def test_a_forgotten_user_is_nowhere_and_the_log_does_not_bring_the_user_back(
    release: Release, key: str, keys: Mapping[str, str], user: str
) -> None:
    for _ in range(10):
        assert release.ask("POST", "/predict", key=key, body={"user_id": user}).status_code == 200
    until(lambda: "predictions" in places(release, user)["database"], seconds=30, what="logged answers")
    answer = forget(release, keys["forget"], user)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["found"]["events"] > 0
    assert told["found"]["predictions"] >= 10
    assert told["model_versions"], "The first model was trained with this log."
    until(
        lambda: not places(release, user), seconds=told["pods_within_seconds"], what="a user who is nowhere"
    )

    assert release.ask("POST", "/predict", key=key, body={**BRIEF, "user_id": user}).status_code == 200
    Shop(release).take_in(
        days=TRAINED_DAYS + 1
    )  # the same log and a day more, for the same alone is taken in by nobody
    until(lambda: not places(release, user), seconds=told["pods_within_seconds"], what="a user who stays out")
    again = forget(release, keys["forget"], user).json()
    assert (again["found"], again["forgotten_as"]) == ({}, told["forgotten_as"])


def test_an_address_is_forgotten_from_refused_rows_too_and_a_log_does_not_bring_it_back(
    release: Release, key: str, keys: Mapping[str, str]
) -> None:
    sound = {**EVENT, "event_id": "e2e-1", "user_id": ADDRESS}
    unsound = {**EVENT, "event_id": "e2e-2", "user_id": {"mail": f"<{ADDRESS}>"}}
    sent = [sound, unsound]
    assert [one["index"] for one in post(release, "/events", key=key, body=sent).json()["refused"]] == [1]
    assert places(release, ADDRESS)["database"].splitlines() == ["events 1", "refused 1"]
    assert forget(release, keys["forget"], ADDRESS).json()["found"] == {"events": 1, "refused": 1}
    assert places(release, ADDRESS) == {}

    refused = post(release, "/events", key=key, body=sent).json()["refused"]
    assert {one["index"]: one["reason"] for one in refused}[0] == "forgotten"
    rows = [
        f"e2e-3,view,{WHEN},{ADDRESS}",
        f"e2e-4;<{ADDRESS}>;view",
        f"e2e-5,{ADDRESS},view,never",
        f"e2e-6,somebody else,view,{WHEN}",
    ]
    lines = "\\n".join(["event_id,user_id,event_type,event_time", *rows])
    command = (
        f'printf "{lines}\\n" > /tmp/log.csv && '
        "PROPENSITY_MAX_REFUSED_SHARE=1 propensity ingest /tmp/log.csv --allow-unchanged"
    )
    said(release, [start(release, "score", name="take-in-address", command=["sh", "-ec", command])])
    assert places(release, ADDRESS) == {}
