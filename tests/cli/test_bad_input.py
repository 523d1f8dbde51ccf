"""Bad input at the command line: one sentence on stderr, an exit code of its own, nothing half-written."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from propensity.registry import Registry
from propensity.settings import Settings
from propensity.store import open_store

pytestmark = pytest.mark.journey

HEADER = "event_id,user_id,event_type,event_time,product_id,category_id,price,session_id\n"
ROW = "{id},{user},{type},2026-01-{day:02}T{hour:02}:00:00Z,p1,c1,9.99,\n"


def run(settings: Settings, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "propensity", *command],
        env={
            **os.environ,
            "PROPENSITY_HOME": str(settings.home),
            "PROPENSITY_LOG_FORMAT": "text",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def log(*, users: int = 5, days: int = 3, types: tuple[str, ...] = ("view", "purchase")) -> str:
    rows = (
        ROW.format(id=f"{user}-{day}-{hour}-{kind}", user=f"u{user}", type=kind, day=day, hour=hour)
        for day in range(1, days + 1)
        for user in range(users)
        for hour in (9, 15)
        for kind in types
    )
    return HEADER + "".join(rows)


def stored(settings: Settings) -> int:
    with open_store(settings.store_uri.get_secret_value()) as store:
        return store.events.summary().events


GOOD = log()
BROKEN = GOOD + "".join(f"x{n},u1,view,yesterday,,,,\n" for n in range(GOOD.count("\n") // 9))
FUTURE = GOOD + "".join(f"f{n},u1,view,2126-01-01T00:00:00Z,,,,\n" for n in range(20))

CASES = {
    "an empty file": (b"", 10, "empty"),
    "a header only": (HEADER.encode(), 11, "header"),
    "the wrong format named": (b"1,2268318,2520377,pv,1511544070\n" * 50, 12, "--format"),
    "a binary file": (bytes(range(256)) * 40, 13, "text"),
    "ten percent broken rows": (BROKEN.encode(), 14, "bad_time"),
    "events in the future": (FUTURE.encode(), 15, "future"),
    "a gzip cut short": (gzip.compress(GOOD.encode())[:-20], 13, "gzip"),
}


@pytest.mark.parametrize(("content", "code", "word"), CASES.values(), ids=CASES.keys())
def test_a_log_that_cannot_be_used_ends_with_a_sentence_and_stores_nothing(
    settings: Settings, tmp_path: Path, content: bytes, code: int, word: str
) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    done = run(settings, "ingest", str(path))
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("propensity: ")
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert stored(settings) == 0


def test_a_file_that_is_not_there_is_said_so(settings: Settings) -> None:
    done = run(settings, "ingest", "nowhere.csv")
    assert done.returncode == 17
    assert "nowhere.csv" in done.stderr


def test_the_same_file_again_has_a_code_of_its_own_and_changes_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "log.csv"
    path.write_text(GOOD)
    first, again = run(settings, "ingest", str(path)), run(settings, "ingest", str(path))
    assert (first.returncode, again.returncode) == (0, 16)
    assert "already" in again.stderr
    assert stored(settings) == GOOD.count("\n") - 1
    scheduled = run(settings, "ingest", str(path), "--allow-unchanged")
    assert scheduled.returncode == 0
    assert "1 of 1 files skipped: taken in before" in scheduled.stdout


def test_a_file_named_twice_counts_once(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(GOOD)
    assert run(settings, "ingest", str(path), str(path)).returncode == 0
    assert stored(settings) == GOOD.count("\n") - 1


UNTRAINABLE = {
    "three users": log(users=3, days=20),
    "one class only": log(users=60, days=20, types=("view",)),
    "a day": log(users=60, days=1),
}


@pytest.mark.parametrize("content", UNTRAINABLE.values(), ids=UNTRAINABLE.keys())
def test_data_that_cannot_carry_a_model_ends_with_3_and_registers_nothing(
    settings: Settings, registry: Registry, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "log.csv"
    path.write_text(content)
    done = run(settings, "train", "--quick", "--data-path", str(path))
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("propensity: ")
    assert "Traceback" not in done.stderr
    assert registry.versions(1) == []


def test_a_registry_that_is_away_is_said_before_anything_is_trained(settings: Settings) -> None:
    done = run(settings, "train", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode == 21
    assert "MLFLOW_TRACKING_URI" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("uri", ["mongodb://me:secret@127.0.0.1:9/shop", "sqlite:////proc/nowhere/store.db"])
def test_a_store_that_is_away_is_said_without_its_password(settings: Settings, uri: str) -> None:
    done = run(settings, "refused", PROPENSITY_STORE_URI=uri)
    assert done.returncode == 20
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_cannot_be_used_is_named(settings: Settings) -> None:
    done = run(settings, "refused", PROPENSITY_MAX_REFUSED_SHARE="lots")
    assert done.returncode == 30
    assert "PROPENSITY_MAX_REFUSED_SHARE" in done.stderr


def test_the_doctor_names_each_thing_that_is_wrong(settings: Settings) -> None:
    done = run(settings, "doctor", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode == 21
    assert "the store answers" in done.stdout
    assert "wrong  MLflow at http://127.0.0.1:9" in done.stdout


WRONG = {
    "PROPENSITY_PLATFORM": ("kubernetes", "PROPENSITY_API_KEYS_FILE is not set"),
    "PROPENSITY_STORE_URI": ("postgres://somewhere/shop", "PROPENSITY_STORE_URI"),
    "PROPENSITY_SPOOL_MAX_MB": ("0", "PROPENSITY_SPOOL_MAX_MB"),
    "PROPENSITY_API_KEYS_FILE": ("nowhere.json", "PROPENSITY_API_KEYS_FILE"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_service_that_cannot_start_as_it_is_set_says_so_at_once(settings: Settings, name: str) -> None:
    value, word = WRONG[name]
    done = run(settings, "serve", "--port", "0", **{name: value})
    assert done.returncode == 30
    assert len(done.stderr.strip().splitlines()) == 1
    assert word in done.stderr


def test_the_doctor_finds_a_misspelt_setting(settings: Settings) -> None:
    done = run(settings, "doctor", PROPENSITY_RECAL_TARGET="0.9", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "PROPENSITY_RECAL_TARGET is set and nothing reads it" in done.stdout


def test_options_that_describe_another_log_are_refused_beside_a_named_format(settings: Settings) -> None:
    assert run(settings, "ingest", "x.csv", "--format", "taobao", "--delimiter", ";").returncode == 2
    assert run(settings, "ingest", "x.csv", "--format", "taobao", "--map", "user_id=0").returncode == 2


def test_a_refused_row_cannot_steer_the_terminal_it_is_shown_on(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(GOOD * 1 + log(users=9)[len(HEADER) :].replace("u8-", "v8-") + "\x1b]0;pwned\x07,u1\n")
    run(settings, "ingest", str(path), PROPENSITY_MAX_REFUSED_SHARE="0.5")
    shown = run(settings, "refused").stdout
    assert "\\x1b]0;pwned\\x07" in shown
    assert "\x1b" not in shown


def test_a_demo_keeps_to_its_own_folder_whatever_is_set(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(log(users=3))
    elsewhere = tmp_path / "elsewhere.db"
    done = subprocess.run(
        [sys.executable, "-m", "propensity", "demo", "--data", str(path)],
        env={
            **os.environ,
            "PROPENSITY_STORE_URI": f"sqlite:///{elsewhere}",
            "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert not elsewhere.exists()
    (home,) = (tmp_path / ".propensity").iterdir()
    assert home.name.startswith("demo-propensity-")
    assert settings.home != home
