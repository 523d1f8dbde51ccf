"""A namespace of a real cluster, asked and changed as a person would: by kubectl and helm, as processes."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


class NotThere(Exception):
    """What was waited for did not come in time."""


def until(condition: Callable[[], T], *, seconds: float, what: str) -> T:
    """Ask again until the condition is true, and return what it gave; NotThere after this time."""
    end = time.monotonic() + seconds
    found = condition()
    while not found:
        if time.monotonic() > end:
            raise NotThere(f"{what} did not come true within {seconds:.0f} s")
        time.sleep(0.5)
        found = condition()
    return found


@dataclass(frozen=True)
class Cluster:
    """One namespace, and the programs that reach it."""

    environment: Mapping[str, str]
    namespace: str

    def run(
        self, *command: str, check: bool = True, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in the namespace; its words are in the error where it fails."""
        done = subprocess.run(
            [command[0], f"--namespace={self.namespace}", *command[1:]],  # a later one wins
            env=dict(self.environment),
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
        return done

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Return what kubectl says."""
        return self.run("kubectl", *arguments, given=given).stdout

    def refused(self, *arguments: str, given: str | None = None) -> str:
        """Return why kubectl was refused; fails where it was not."""
        done = self.run("kubectl", *arguments, given=given, check=False)
        assert done.returncode != 0, f"kubectl {' '.join(arguments)} was let through: {done.stdout}"
        return done.stderr

    def helm(self, *arguments: str) -> str:
        """Return what helm says."""
        return self.run("helm", *arguments).stdout

    def get(self, *arguments: str) -> Any:
        """Return an object, or a list's items."""
        found = json.loads(self.kubectl("get", *arguments, "--output", "json"))
        return found["items"] if found["kind"].endswith("List") else found

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """Create an object."""
        self.kubectl("create", "--filename", "-", given=json.dumps(manifest))

    def finished(self, pod: str, *, seconds: float = 120) -> str:
        """Wait until a pod has ended; return `Succeeded` or `Failed`."""

        def phase() -> str | None:
            found: str = self.get("pod", pod)["status"].get("phase", "")
            return found if found in {"Succeeded", "Failed"} else None

        return until(phase, seconds=seconds, what=f"the end of pod {pod}") or ""
