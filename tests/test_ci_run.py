"""`.ci/run` never passes in silence where nothing runs a cluster; the programs it calls are stood in for."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALL = [
    "setup",
    "check",
    "test",
    "journeys",
    "browser",
    "screenshots",
    "cluster",
    "images",
    "load-images",
    "e2e",
]
MAKE = """#!/bin/bash
case "$*" in *tools-for-cluster) echo "Install docker and kind."; exit {code};; esac
echo "$*" >>'{folder}/made'
"""


def run(folder: Path, *, code: int, kit: bool = False) -> subprocess.CompletedProcess[str]:
    for name, text in {
        "make": MAKE.format(code=code, folder=folder),
        "docker": f"#!/bin/bash\necho \"$1\" >>'{folder}/docker-did'\n",
        **(
            {"cluster": f"#!/bin/bash\necho \"$1\" >>'{folder}/kit-did'; echo mongodb://kit\n"} if kit else {}
        ),
    }.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    told = {"PATH": f"{folder}:{os.environ['PATH']}", "CLUSTER_KIT": str(folder)}
    return subprocess.run([ROOT / ".ci" / "run"], env=told, capture_output=True, text=True, check=False)


def lines(path: Path) -> list[str]:
    return path.read_text().split()


def test_where_nothing_runs_a_cluster_it_says_so_first_and_last_and_fails(tmp_path: Path) -> None:
    done = run(tmp_path, code=1)
    assert done.returncode == 1
    assert lines(tmp_path / "made") == ALL[:4]
    sentence = "!! MongoDB, images and the chart are not tested: Install docker and kind."
    assert [line for line in done.stderr.splitlines() if line] == [sentence, sentence]


@pytest.mark.parametrize("kit", [True, False], ids=["the kit", "docker and kind"])
def test_where_something_does_every_stage_runs_and_says_how_long_it_took(
    tmp_path: Path, *, kit: bool
) -> None:
    done = run(tmp_path, code=0, kit=kit)
    assert (done.returncode, done.stderr) == (0, "")
    assert lines(tmp_path / "made") == ALL
    for name in (*ALL, "all"):
        assert f"== {name} took " in done.stdout
    mongo = {True: ("kit-did", ["mongo", "mongo-stop"]), False: ("docker-did", ["run", "rm"])}
    file, did = mongo[kit]
    assert lines(tmp_path / file) == did
