"""How the logs of other systems name what we call an event: declarations only, nothing here reads a file.

Polars stays out, so that the CLI can list the formats at once; `jobs.ingest` does the reading.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from propensity.errors import SettingsError
from propensity.events.event import EVENT_TYPES

TimeUnit = Literal["iso", "s", "ms", "us"]
FIELDS: Final = (
    "event_id",
    "user_id",
    "event_type",
    "event_time",
    "product_id",
    "category_id",
    "price",
    "session_id",
)
REQUIRED: Final = ("user_id", "event_type", "event_time")
OWN_TYPES: Final = {name: name for name in EVENT_TYPES}


@dataclass(frozen=True, kw_only=True)
class LogFormat:
    """Where a log keeps each field of an event, and what its words mean."""

    name: str
    """Also the default source: a renamed export of the same shop must not count twice."""
    columns: Mapping[str, str]
    """Event field to header name; without a header, to the name the documentation uses."""
    positions: Mapping[str, int] = field(default_factory=dict)
    """Event field to column number from 0, for a log without a header; empty where there is one."""
    width: int | None = None
    """Fields of a row without a header; None takes the first row's."""
    types: Mapping[str, str] = field(default_factory=lambda: OWN_TYPES)
    """The log's event types to ours."""
    time_unit: TimeUnit = "iso"
    """`iso` also reads integer microseconds."""
    zone_required: bool = False
    """Refuse a time without a zone; else it is UTC."""
    delimiter: str = ","
    needed: tuple[str, ...] = REQUIRED
    """Event fields whose columns a header must have."""
    closed: bool = False
    """Refuse a header with other columns: they say that it is another system's log."""

    @property
    def has_header(self) -> bool:
        """Whether the first line names the columns."""
        return not self.positions

    def missing_from(self, header: Sequence[str]) -> list[str]:
        """Return the columns that a header must have and this one has not."""
        return [self.columns[name] for name in self.needed if self.columns[name] not in header]

    def foreign_in(self, header: Sequence[str]) -> list[str]:
        """Return the columns of a header that this format does not know, where it minds."""
        known = set(self.columns.values())
        return [column for column in header if column not in known] if self.closed else []

    def fits(self, first_line: Sequence[str]) -> bool:
        """Whether a file that starts with these fields may be such a log."""
        if self.has_header:
            return not self.missing_from(first_line) and not self.foreign_in(first_line)
        return len(first_line) == self.width and first_line[self.positions["event_type"]] in self.types


FORMATS: Final[Mapping[str, LogFormat]] = {
    log_format.name: log_format
    for log_format in (
        LogFormat(
            name="propensity", columns={name: name for name in FIELDS}, zone_required=True, closed=True
        ),
        LogFormat(
            name="taobao",
            columns={
                "user_id": "user_id",
                "product_id": "item_id",
                "category_id": "category_id",
                "event_type": "behaviour",
                "event_time": "timestamp",
            },
            positions={"user_id": 0, "product_id": 1, "category_id": 2, "event_type": 3, "event_time": 4},
            width=5,
            types={"pv": "view", "fav": "favorite", "cart": "cart", "buy": "purchase"},
            time_unit="s",
        ),
        LogFormat(
            name="rees46",
            columns={
                "user_id": "user_id",
                "event_type": "event_type",
                "event_time": "event_time",
                "product_id": "product_id",
                "category_id": "category_id",
                "price": "price",
                "session_id": "user_session",
            },
            types={name: name for name in EVENT_TYPES if name != "favorite"},
            needed=(*REQUIRED, "product_id", "session_id"),
            zone_required=True,
        ),
        LogFormat(
            name="retailrocket",
            columns={
                "user_id": "visitorid",
                "event_type": "event",
                "event_time": "timestamp",
                "product_id": "itemid",
            },
            needed=(*REQUIRED, "product_id"),
            types={"view": "view", "addtocart": "cart", "transaction": "purchase"},
            time_unit="ms",
        ),
    )
}


def custom_format(
    columns: Mapping[str, str],
    types: Mapping[str, str] | None = None,
    *,
    time_unit: str = "iso",
    delimiter: str = ",",
    name: str = "custom",
) -> LogFormat:
    """Return the format that `--map` describes; SettingsError where it can't be one.

    `columns` maps event fields to header names or, for a log without a header, to column numbers from 0. `types` maps
    the log's event types to ours, which are understood as well.
    """
    _check_columns(columns)
    _check_types(types or {})
    if time_unit not in get_args(TimeUnit):
        raise SettingsError(f"{time_unit!r} is no unit of time. Use iso, s, ms or us.")
    delimiter = "\t" if delimiter == "\\t" else delimiter
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        raise SettingsError(f"{delimiter!r} can't separate fields. Use one character, such as ; or \\t.")
    numbered = all(column.isdecimal() for column in columns.values())
    return LogFormat(
        name=name,
        columns=dict(columns),
        positions={name: int(column) for name, column in columns.items()} if numbered else {},
        types=OWN_TYPES | dict(types or {}),
        time_unit=time_unit,  # type: ignore[arg-type]
        delimiter=delimiter,
        needed=tuple(columns),
    )


def _check_columns(columns: Mapping[str, str]) -> None:
    unknown = sorted(set(columns) - set(FIELDS))
    if unknown:
        raise SettingsError(f"An event has no {', '.join(unknown)}. Map any of {', '.join(FIELDS)}.")
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise SettingsError(
            f"The map does not say which column is {', '.join(missing)}. Add {missing[0]}=<column> to it."
        )


def _check_types(types: Mapping[str, str]) -> None:
    unknown = sorted(set(types.values()) - set(EVENT_TYPES))
    if unknown:
        raise SettingsError(
            f"There is no event type {', '.join(unknown)}. Map each to one of {', '.join(EVENT_TYPES)}."
        )
