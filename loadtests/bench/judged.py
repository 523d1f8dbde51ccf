"""One promise held against what was found: kept where the worst round keeps it; where only the middle one does, not shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from loadtests.bench.spread import Spread

HEADER: Final = ("promise", "at least", "found", "by CPU", "kept")
YES, NO, NOT_SHOWN = "yes", "**no**", "not shown"


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One row: what was promised, what was found, and what stands between."""

    what: str
    least: str
    found: str
    by_cpu: str = "-"
    """The same ratio by processor time, which other work on the machine hardly moves."""
    kept: str
    short: str = ""
    """By how much it falls short, and why; empty where it is kept."""

    @property
    def row(self) -> list[str]:
        """The cells of the table."""
        return [self.what, self.least, self.found, self.by_cpu, self.kept]


def at_least(
    what: str, least: float, found: Spread, *, form: str, by_cpu: Spread | None = None, short: str
) -> Promise:
    """Judge what has to be reached; `short` says why it is not."""
    kept = _verdict(found, lambda value: value >= least)
    return _judged(
        what, f"{least:{form}}", found, form=form, by_cpu=by_cpu, kept=kept, short=_by(found, least, short)
    )


def at_most(
    what: str, most: float, found: Spread, *, form: str, by_cpu: Spread | None = None, short: str
) -> Promise:
    """Judge what may not be exceeded; `short` says why it is."""
    kept = _verdict(found, lambda value: value <= most)
    return _judged(
        what,
        f"at most {most:{form}}",
        found,
        form=form,
        by_cpu=by_cpu,
        kept=kept,
        short=_by(found, most, short),
    )


def _verdict(found: Spread, is_kept: Callable[[float], bool]) -> str:
    if is_kept(found.low) and is_kept(found.high):
        return YES
    return NOT_SHOWN if is_kept(found.middle) else NO


def _by(found: Spread, promised: float, why: str) -> str:
    """Return by how much a promise is missed, and why."""
    parts = [f"{value / promised:.2f}" for value in (found.middle, found.low, found.high)]
    share = parts[0] if found.rounds == 1 else f"{parts[0]} ({parts[1]}-{parts[2]})"
    return f"{share} times what was promised. {why}".strip()


def _judged(
    what: str, least: str, found: Spread, *, form: str, by_cpu: Spread | None, kept: str, short: str
) -> Promise:
    return Promise(
        what=what,
        least=least,
        found=found.written(form),
        by_cpu=by_cpu.written(form) if by_cpu else "-",
        kept=kept,
        short="" if kept == YES else f"{what}: {short}",
    )
