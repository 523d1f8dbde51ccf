"""Processes that end themselves with SIGKILL right after they wrote a named state, for tests of what the next run makes of it.

They are the real parts on the real store and registry, forked from a server that has imported what they need; a
process that is told no last word runs to its end.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from threadpoolctl import threadpool_limits

from jobs.monitor.watch import Monitor
from jobs.operate import Hands, step
from propensity.lifecycle.embedded import EmbeddedPlatform
from propensity.lifecycle.platform import Platform
from propensity.registry import Registry
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store, open_store
from training.train import Training

NOW = 1_770_000_000_000_000
RUNS = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
with (folder / "runs").open("a") as runs:
    runs.write(f"{sys.argv[2]}\\n")
until = time.monotonic() + 60
while not (folder / "end").exists() and time.monotonic() < until:
    time.sleep(0.05)
"""
"""Stands for a training: says that it was started, and lives until the file `end` is there."""

PATIENCE = 400
"""Seconds for one process, on a machine that is busy with others."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


def run(part: Callable[..., None], settings: Settings, *given: object, last: str = "") -> None:
    """Run a part as a process: to its end, or until it has written its last word, `kind: state`."""
    process = _FORKS.Process(target=_main, args=(part, settings, given, last))
    process.start()
    process.join(timeout=PATIENCE)
    wanted = -signal.SIGKILL if last else 0
    assert process.exitcode == wanted, f"ended with {process.exitcode}, last word {last!r}"


class MortalLedger:
    """The real ledger; the process ends once it has written its last word."""

    def __init__(self, real: Store, last: str) -> None:
        self._real = real.ledger
        self._last = last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def claim(self, **given: Any) -> LedgerEntry | None:
        return self._survived(self._real.claim(**given))

    def move(self, sequence: int, **given: Any) -> LedgerEntry | None:
        return self._survived(self._real.move(sequence, **given))

    def _survived(self, entry: LedgerEntry | None) -> LedgerEntry | None:
        if entry is not None:
            die_after(f"{entry.kind}: {entry.state}", last=self._last)
        return entry


class Mortal:
    """A real part; the process ends once one of these methods has done its work: after the effect, before the word."""

    def __init__(self, real: object, words: dict[str, str], *, last: str) -> None:
        self._real, self._words, self._last = real, words, last

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._watched(found, self._words[name]) if name in self._words else found

    def _watched(self, write: Callable[..., object], word: str) -> Callable[..., object]:
        def function(*given: object, **named: object) -> object:
            done = write(*given, **named)
            die_after(word, last=self._last)
            return done

        return function


def die_after(word: str, *, last: str) -> None:
    """End the process as the kernel does when memory is out, where this was its last word."""
    if word == last:
        os.kill(os.getpid(), signal.SIGKILL)


def _main(part: Callable[..., None], settings: Settings, given: Sequence[object], last: str) -> None:
    threadpool_limits(limits=1)  # threads that spin for one another stand still where processors are shared
    with open_store(settings.store_uri.get_secret_value()) as store:
        store.ledger = MortalLedger(store, last)
        store.bundles = Mortal(store.bundles, {"put": "bundle: put"}, last=last)
        store.windows = Mortal(store.windows, {"add": "window: written"}, last=last)
        store.outcomes = Mortal(
            store.outcomes, {"add": "outcomes: added", "correct": "outcomes: corrected"}, last=last
        )
        part(store, settings, last, *given)


def registry_of(settings: Settings) -> Registry:
    """Open the registry that the settings name."""
    return Registry(settings.tracking_uri, artifacts=settings.home / "artifacts")


def platform_of(home: Path) -> EmbeddedPlatform:
    """A laptop's ground, whose trainings say only that they were started."""
    return EmbeddedPlatform(home, command=[sys.executable, "-S", "-c", RUNS, str(home)])


def operate(store: Store, settings: Settings, last: str, now: int = NOW) -> None:
    """One look of the operator."""
    registry = Mortal(registry_of(settings), {"set_alias": "alias: set", "tag": "version: tagged"}, last=last)
    platform = Mortal(platform_of(settings.home), {"annotate": "service: told"}, last=last)
    watched = Mortal(store, {"set_champion": "champion: set"}, last=last)
    step(
        Hands(
            cast("Store", watched),
            cast("Registry", registry),
            cast("Platform", platform),
            settings,
            lambda: now,
        )
    )


def monitor(store: Store, settings: Settings, last: str, now: int) -> None:
    """One run of the monitor."""
    platform = platform_of(settings.home)

    def start(number: int, triggers: Sequence[object]) -> str:
        job = platform.start_training(number, triggers)
        die_after("training: begun", last=last)
        return job

    Monitor(
        store=store,
        settings=settings,
        registry=lambda: registry_of(settings),
        start=start,
        is_gone=lambda _: False,
    ).run(now=now)


def train(store: Store, settings: Settings, _: str, number: int) -> None:
    """One run of a training's Job."""
    Training(
        settings,
        store=store,
        registry=registry_of(settings),
        clock=lambda: NOW,
        git_commit="abc",
        say=lambda _: None,
    ).run_asked(number)
