"""How numbers, intervals and times are written, the same on every page."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from propensity.bundle import Estimate
from propensity.events import MICROS

NONE = "-"


def zone() -> ZoneInfo:
    """Return the viewer's zone as the browser names it; UTC where it names none that is known here."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def moment(micros: int) -> datetime:
    """Return a time as the viewer's clock shows it."""
    return datetime.fromtimestamp(micros / MICROS, UTC).astimezone(zone())


def when(micros: int | None) -> str:
    """Write a time in the viewer's zone and in UTC."""
    if micros is None:
        return NONE
    here = moment(micros)
    there = here.astimezone(UTC)
    if here.utcoffset() == there.utcoffset():
        return f"{there:%d %b %Y %H:%M} UTC"
    same_day = here.date() == there.date()
    return f"{here:%d %b %Y %H:%M %Z} ({there:{'%H:%M' if same_day else '%d %b %H:%M'}} UTC)"


def clock(micros: int) -> str:
    """Write a time of day in UTC."""
    return f"{datetime.fromtimestamp(micros / MICROS, UTC):%H:%M} UTC"


def window(start: int | None, end: int | None) -> str:
    """Write a stretch of time."""
    return f"{when(start)} to {when(end)}"


def days(start: int, end: int) -> str:
    """Write a stretch of days so that it fits a card."""
    first, last = moment(start), moment(end)
    if first.date() == last.date():
        return f"{last:%d %b}"
    return f"{first:%d}{'' if first.month == last.month else first.strftime(' %b')} to {last:%d %b}"


def zone_name(at: int) -> str:
    """Name the viewer's zone at a time, with its distance from UTC, for an axis."""
    here = moment(at)
    hours = (here.utcoffset() or timedelta(0)).total_seconds() / 3600
    return "UTC" if not hours else f"{here:%Z} (UTC{hours:+g} h)"


def ago(micros: int, *, now: int) -> str:
    """Write how long ago something was, coarsely."""
    seconds = max(0, (now - micros) // MICROS)
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if count := seconds // length:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def estimate(one: Estimate | None, *, digits: int = 3) -> str:
    """Write a number with its 95 % interval."""
    if one is None:
        return NONE
    return f"{one.value:.{digits}f} [{one.low:.{digits}f}, {one.high:.{digits}f}]"


def share(part: float) -> str:
    """Write a share as a percentage."""
    return f"{part:.1%}" if part < 0.995 or part == 1 else f"{part:.2%}"


def points(part: float) -> str:
    """Write a difference of two shares in points: it is not a share of anything."""
    return f"{100 * part:+.2f}"


def duration(micros: float) -> str:
    """Write a response time."""
    return f"{micros / 1000:.2f} ms" if micros < 100_000 else f"{micros / MICROS:.2f} s"


def plain(name: str) -> str:
    """Write a name of the code as words."""
    return name.replace("_", " ")
