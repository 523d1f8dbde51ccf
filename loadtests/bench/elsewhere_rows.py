"""The rows of DESIGN that `make bench` does not measure itself, from what the runs elsewhere left."""

from collections.abc import Iterator
from typing import Final

from loadtests.bench.elsewhere import INSTALL, ROLLOUT, SHOWN_BY, SOAKS, Proof, Proofs
from loadtests.bench.judged import NO, NOT_SHOWN, YES, Promise, at_most
from loadtests.bench.promises import START_SECONDS
from loadtests.bench.spread import spread

MEMORY_GROWTH: Final = 0.02
SOAK_MINUTES: Final = 10.0
INSTALL_SECONDS: Final = 180.0
WHAT: Final = {
    "soak-SQLite": "memory under load on SQLite",
    "soak-MongoDB": "memory under load on MongoDB",
    ROLLOUT: "failed requests of a rollout of a model under load",
    INSTALL: "`helm install` to the first prediction, and a scorer pod from start to ready",
}
TRAINING: Final = "It holds the database, MLflow, the log, the search and the promotion, one after the other on this machine."
POD: Final = (
    "From the pod's start to the second in which the kubelet found it ready; beside the process's own start (above) it "
    "holds the container's, and what else the machine does."
)


def rows_of(proofs: Proofs) -> Iterator[Promise]:
    """Yield a row for each promise that was shown elsewhere."""
    for name in SOAKS:
        if name in proofs:
            yield _soak(name, proofs[name])
    if ROLLOUT in proofs:
        yield _rollout(proofs[ROLLOUT])
    if INSTALL in proofs:
        yield from _install(proofs[INSTALL])


def missing(proofs: Proofs) -> list[str]:
    """Return a sentence for each promise that nothing was left of."""
    return [
        f"{what}: not shown on this page; {SHOWN_BY[name]} shows it and leaves its figures for the next `make bench`."
        for name, what in WHAT.items()
        if name not in proofs
    ]


def _soak(name: str, proof: Proof) -> Promise:
    growth, minutes = proof.figures["memory_growth"], proof.figures["minutes"]
    kept = NO if growth >= MEMORY_GROWTH else YES if minutes >= SOAK_MINUTES else NOT_SHOWN
    what = f"{WHAT[name]}: growth in {minutes:g} minutes ({proof.told})"
    return Promise(
        what=what,
        least=f"under {MEMORY_GROWTH:.0%}",
        found=f"{growth:+.2%}",
        kept=kept,
        short="" if kept == YES else f"{what}: {growth:+.2%}, where {SOAK_MINUTES:g} minutes were promised.",
    )


def _rollout(proof: Proof) -> Promise:
    failed, requests = proof.figures["failed"], proof.figures["requests"]
    what = f"{WHAT[ROLLOUT]} ({proof.told})"
    return Promise(
        what=what,
        least="0",
        found=f"{failed:,} of {requests:,}",
        kept=YES if failed == 0 else NO,
        short="" if failed == 0 else f"{what}: {failed:,} of {requests:,} failed.",
    )


def _install(proof: Proof) -> Iterator[Promise]:
    yield at_most(
        f"`helm install` to the first prediction, s ({proof.told})",
        INSTALL_SECONDS,
        spread([proof.figures["first_prediction_seconds"]]),
        form=".0f",
        short=TRAINING,
    )
    yield at_most(
        f"scorer pod, start to ready, s ({proof.told})",
        START_SECONDS,
        spread(proof.figures["pod_seconds"]),
        form=".0f",
        short=POD,
    )
