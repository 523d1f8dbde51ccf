"""What is shown elsewhere than by `make bench`, on a cluster or by minutes of load: each run leaves its figures in a file.

The files lie in build/proofs, which nobody commits; the page prints those that are there, with their date and commit.
"""

import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from loadtests.bench.peers import ROOT

FOLDER: Final = ROOT / "build" / "proofs"
INSTALL: Final = "install"
ROLLOUT: Final = "rollout"
SOAKS: Final = ("soak-SQLite", "soak-MongoDB")
SHOWN_BY: Final = {
    INSTALL: "`make e2e`",
    ROLLOUT: "`make e2e`",
    **dict.fromkeys(SOAKS, '`make verify-full ARGS="-k soak"`'),
}


@dataclass(frozen=True)
class Proof:
    """What one run elsewhere found."""

    date: str
    commit: str
    figures: dict[str, Any]

    @property
    def told(self) -> str:
        """When and of what it is, in words."""
        return f"{self.date}, {self.commit}"


Proofs = dict[str, Proof]


def leave(name: str, *, folder: Path = FOLDER, **figures: Any) -> None:
    """Write what was found to a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {"date": today(), "commit": commit(), "figures": figures}
    (folder / f"{name}.json").write_text(json.dumps(found) + "\n")


def read_all(folder: Path = FOLDER) -> Proofs:
    """Return what is there, by name."""
    return {path.stem: Proof(**json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))}


def today() -> str:
    """Return the date as the page writes it."""
    return f"{datetime.now(UTC):%d %B %Y}"


def commit() -> str:
    """Return the commit that runs, marked where files differ from it."""
    said = _git("rev-parse", "--short=10", "HEAD")
    return (
        f"{said}, changed" if said and _git("status", "--porcelain", "--untracked-files=no") else said or "?"
    )


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            ["git", *arguments],  # noqa: S607 - whichever git there is
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
