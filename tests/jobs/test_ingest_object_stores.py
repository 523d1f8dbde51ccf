"""Logs in the object stores of clouds: read by what the training image holds, and one sentence where they can't be."""

import os
import re
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest

from tests.jobs.bucket import ACCESS, bucket

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "event-logs.md").read_text()
SCHEMES = sorted(set(re.findall(r"`(\w+)://…`", DOCS)))
HEADER = b"user_id,event_type,event_time\n"
ROWS = {
    "logs/a.csv": HEADER + b"%s,view,2024-05-01T10:00:00Z\n" % (b"u" * 100) * 50_000,  # more than one range
    "logs/b.csv": HEADER + b"v,cart,2024-05-01T10:00:00Z\n",
}
AZURITE = (  # the key that every emulator of Azure's has
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;BlobEndpoint={}/devstoreaccount1;AccountKey="
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


def take(path: str, *, store: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    told = {**os.environ, "PROPENSITY_STORE_URI": f"sqlite:///{store}", **ACCESS, **environment}
    command = [sys.executable, "-m", "propensity", "ingest", path]
    return subprocess.run(command, env=told, capture_output=True, text=True, check=False)


def test_the_docs_name_the_stores_of_the_three_clouds() -> None:
    assert {"s3", "gs", "az", "abfs"} <= set(SCHEMES)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_scheme_that_the_docs_name_is_opened_by_what_is_installed(scheme: str) -> None:
    assert fsspec.get_filesystem_class(scheme)


def test_a_log_that_lies_elsewhere_costs_nobody_these_libraries() -> None:
    loaded = "{'s3fs', 'botocore', 'gcsfs', 'google.auth', 'adlfs', 'azure.identity'} & set(sys.modules)"
    code = f"import sys, jobs.ingest; sys.exit(str({loaded} or ''))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize(("path", "rows"), [("s3://shop/logs/a.csv", "50,000"), ("s3://shop/logs", "50,001")])
def test_a_bucket_is_read(tmp_path: Path, path: str, rows: str) -> None:
    with bucket(ROWS) as address:
        done = take(path, store=tmp_path / "store.db", AWS_ENDPOINT_URL=address)
    assert done.returncode == 0, done.stderr
    assert f"{rows} rows: {rows} events stored" in done.stdout


REFUSING = {
    "s3": ("s3://shop/a.csv", {"AWS_ENDPOINT_URL": "{}"}),
    "gs": ("gs://shop/a.csv", {"STORAGE_EMULATOR_HOST": "{}", "GOOGLE_APPLICATION_CREDENTIALS": "/none"}),
    "az": ("az://shop/a.csv", {"AZURE_STORAGE_CONNECTION_STRING": AZURITE}),
    "abfs": (
        "abfs://shop@devstoreaccount1.dfs.core.windows.net/a.csv",
        {"AZURE_STORAGE_CONNECTION_STRING": AZURITE},
    ),
}


@pytest.mark.journey
@pytest.mark.parametrize("scheme", REFUSING)
def test_a_bucket_that_nobody_may_read_is_one_sentence(tmp_path: Path, scheme: str) -> None:
    path, environment = REFUSING[scheme]
    with bucket(None) as address:
        told = {name: value.format(address) for name, value in environment.items()}
        done = take(path, store=tmp_path / "store.db", **told)
    assert_one_sentence(done, path)


@pytest.mark.journey
def test_a_bucket_that_is_away_is_one_sentence(tmp_path: Path) -> None:
    done = take("s3://shop/a.csv", store=tmp_path / "store.db", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert_one_sentence(done, "s3://shop/a.csv")


@pytest.mark.journey
def test_an_object_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with bucket(ROWS) as address:
        done = take("s3://shop/c.csv", store=tmp_path / "store.db", AWS_ENDPOINT_URL=address)
    assert (done.returncode, done.stderr) == (
        17,
        "propensity: There is nothing at s3://shop/c.csv. Check the path.\n",
    )


def assert_one_sentence(done: subprocess.CompletedProcess[str], path: str) -> None:
    assert done.returncode == 17, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"propensity: {path} can't be read (")
    assert line.endswith("Check the path, its permissions and the connection.")
    assert "s3cret" not in line
    assert "Eby8" not in line
