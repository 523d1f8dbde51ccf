"""How an entry of the ledger reads on a terminal: one line with what, when, by whom and why."""

from typing import TYPE_CHECKING

from propensity.cli import door

if TYPE_CHECKING:
    from propensity.store import LedgerEntry


def line_of(entry: "LedgerEntry") -> str:
    """Return an entry as a line."""
    what = f"{entry.kind}{about(entry)}: {entry.state}{by(entry)}"
    return f"{entry.sequence:>4}  {door.as_time(entry.at)}  {what}  — {entry.reason}"


def by(entry: "LedgerEntry") -> str:
    """Return who stands behind an entry, if anybody does."""
    return f", by {entry.actor}" if entry.actor else ""


def about(entry: "LedgerEntry") -> str:
    """Return what an entry is about: a training's number, a Job, or a model version."""
    if entry.kind == "training":
        return f" {(entry.key or '').rpartition(':')[2]}".rstrip()
    if entry.subject is None:
        return ""
    return (
        f" {entry.subject}"
        if entry.kind in {"decision", "export", "erasure"}
        else f" version {entry.subject}"
    )
