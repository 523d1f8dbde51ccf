"""Experiments that a person starts and stops at the command line, and what befalls the challengers' processes."""

from typing import Any

from tests.e2e.cluster import until
from tests.e2e.people import newest, propensity
from tests.e2e.release import Release

TAKEN_UP_SECONDS = 90
SIGNAL = """
import os, signal
for pid in filter(str.isdigit, os.listdir("/proc")):
    try: words = open(f"/proc/{pid}/cmdline").read()
    except OSError: continue
    if "challenger" + ".process" in words: os.kill(int(pid), signal.%s)
"""


class Trying:
    """Experiments started and stopped by a person at the command line."""

    def __init__(self, release: Release, versions: tuple[str, str]) -> None:
        self.release = release
        self.champion, self.challenger = versions

    def start(self, *words: str, challenger: str = "") -> None:
        """Begin, and wait until every pod has the challenger's process."""
        before = newest(self.release, "experiment").get("sequence", 0)
        propensity(self.release, "experiment", "start", *words, challenger or self.challenger)
        until(
            lambda: newest(self.release, "experiment").get("sequence", 0) > before,
            seconds=TAKEN_UP_SECONDS,
            what="the operator taking it up",
        )
        self._until("running")

    def stop(self) -> None:
        """Go back, and wait until every pod has."""
        propensity(self.release, "experiment", "stop", "--reason", "the run is over")
        self._until("stopped")

    def _until(self, state: str) -> None:
        wanted = len(self.release.ready("scorer")) if state == "running" else 0
        ends = {state, "promoted", "failed"}
        until(
            lambda: newest(self.release, "experiment").get("state") in ends,
            seconds=TAKEN_UP_SECONDS,
            what=f"an experiment that is {state}",
        )
        entry = newest(self.release, "experiment")
        assert entry["state"] == state, entry
        until(lambda: self.processes() == wanted, seconds=TAKEN_UP_SECONDS, what=f"{wanted} challengers")

    def processes(self) -> int:
        """How many challengers' processes there are in the pods."""
        return sum(
            "challenger.process" in self._exec(pod, "import glob; print([open(one).read() for one in glob.glob('/proc/[0-9]*/cmdline')])")
            for pod in self.release.ready("scorer")
        )  # fmt: skip

    def ended(self) -> dict[str, Any]:
        """Wait until it has come to an end by itself, and return its entry."""
        ends = {"stopped", "promoted", "failed"}
        until(
            lambda: newest(self.release, "experiment")["state"] in ends,
            seconds=TAKEN_UP_SECONDS,
            what="an end of the experiment",
        )
        return newest(self.release, "experiment")

    def kill(self) -> None:
        """End the challenger's process in every pod."""
        self._signal("SIGKILL")

    def hang(self) -> None:
        """Let the challenger's process in every pod stand still."""
        self._signal("SIGSTOP")

    def _signal(self, name: str) -> None:
        for pod in self.release.ready("scorer"):
            self._exec(pod, SIGNAL % name)

    def _exec(self, pod: str, program: str) -> str:
        return self.release.cluster.kubectl(
            "exec", pod, "--container", "scorer", "--", "python", "-c", program
        )
