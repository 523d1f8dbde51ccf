"""The rules that an event must keep, as expressions over whole columns of text.

`propensity.events.validation` holds the same rules for one event in plain Python; a property test keeps the two at the
same verdict for every row. No price passes through a float on its way to minor units.
"""

from typing import Final

import polars as pl

from propensity.events import MICROS, Reason
from propensity.events.event import EARLIEST_TIME, FUTURE_TOLERANCE, MAX_ID_LENGTH, MAX_PRICE
from propensity.events.formats import FIELDS, LogFormat
from propensity.events.validation import CLOCK_TIME, CONTROL, COUNTED_TIME, PRICE, ZONE

UNITS: Final = {"s": MICROS, "ms": 1_000}
"""Microseconds in a unit of counted time that may have a fraction."""
MAX_COUNTED: Final = 10**18
OTHER_IDS: Final = ("product_id", "category_id", "session_id")


def clean(rows: pl.DataFrame, *, log_format: LogFormat, now: int) -> pl.DataFrame:
    """Return columns line, raw, reason and those of an event; reason is null where the row is one.

    Rows have columns line, raw, fault and, as text, the fields that the log has; event_time may be microseconds
    already. A log without ids of its own leaves event_id null.
    """
    has_ids = "event_id" in rows.columns
    texts = rows.select("line", "raw", "fault", *(_trimmed(rows, name) for name in FIELDS))
    typed = texts.with_columns(
        _event_type(log_format),
        _event_time(texts.schema["event_time"], log_format),
        _price(),
        _price_fault().alias("price_fault"),
    )
    return typed.select("line", "raw", _reason(now=now, has_ids=has_ids), *FIELDS)


def _trimmed(rows: pl.DataFrame, name: str) -> pl.Expr:
    """Return a column without the spaces around its values, null where nothing is left."""
    if name not in rows.columns:
        return pl.lit(None, pl.String).alias(name)
    if rows.schema[name] != pl.String:
        return pl.col(name)
    text = pl.col(name).str.strip_chars(" ")
    return pl.when(text != "").then(text).alias(name)


def _reason(*, now: int, has_ids: bool) -> pl.Expr:
    """Return the first fault of each row, in the order that validation looks for them."""
    time = pl.col("event_time")
    faults = [
        (pl.col("user_id").is_null(), Reason.MISSING_USER),
        (_is_bad_id("user_id"), Reason.BAD_ID),
        (pl.col("event_id").is_null() & has_ids, Reason.MISSING_EVENT_ID),
        (_is_bad_id("event_id"), Reason.BAD_ID),
        *((_is_bad_id(name), Reason.BAD_ID) for name in OTHER_IDS),
        (pl.col("event_type").is_null(), Reason.UNKNOWN_TYPE),
        (time.is_null() | (time < EARLIEST_TIME), Reason.BAD_TIME),
        (time > now + FUTURE_TOLERANCE, Reason.FUTURE),
    ]
    found = (pl.when(is_so).then(pl.lit(reason.value)) for is_so, reason in faults)
    return pl.coalesce("fault", *found, "price_fault").alias("reason")


def _is_bad_id(name: str) -> pl.Expr:
    text = pl.col(name)
    return (text.str.len_chars() > MAX_ID_LENGTH) | text.str.contains(CONTROL)


def _event_type(log_format: LogFormat) -> pl.Expr:
    return pl.col("event_type").replace_strict(dict(log_format.types), default=None, return_dtype=pl.String)


def _event_time(dtype: pl.DataType, log_format: LogFormat) -> pl.Expr:
    """Return microseconds since the epoch, null where it is no time."""
    text = pl.col("event_time")
    if dtype != pl.String:
        micros = text
    elif log_format.time_unit in UNITS:
        micros = _counted_time(text, UNITS[log_format.time_unit])
    elif log_format.time_unit == "us":
        micros = _integer_time(text)
    else:
        micros = pl.coalesce(_integer_time(text), _clock_time(text, zone_required=log_format.zone_required))
    return pl.when(micros.is_between(0, MAX_COUNTED)).then(micros).alias("event_time")


def _integer_time(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(f"^{COUNTED_TIME}$")).then(text).cast(pl.Int64, strict=False)


def _counted_time(text: pl.Expr, micros: int) -> pl.Expr:
    """Read seconds or milliseconds, with or without a fraction, to the microsecond below."""
    parts = text.str.extract_groups(rf"^({COUNTED_TIME})(?:\.([0-9]{{1,9}}))?$")
    whole = parts.struct[0].cast(pl.Int64, strict=False)
    digits = len(str(micros)) - 1
    fraction = _padded(parts.struct[1], digits)
    return pl.when(whole < MAX_COUNTED // micros).then(whole * micros + fraction)


def _clock_time(text: pl.Expr, *, zone_required: bool) -> pl.Expr:
    zone = f" ?{ZONE}" if zone_required else f"(?: ?{ZONE})?"
    parts = text.str.extract_groups(f"^{CLOCK_TIME}{zone}$")
    moment = pl.concat_str(parts.struct[0], parts.struct[1], separator=" ")
    seconds = moment.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us").cast(pl.Int64)
    return seconds + _padded(parts.struct[2], 6) - _offset(parts.struct[3])


def _offset(zone: pl.Expr) -> pl.Expr:
    """Return how many microseconds a zone is ahead of UTC; a time without a zone is in UTC."""
    digits = zone.str.slice(1).str.replace(":", "", literal=True).str.pad_end(4, "0")
    hours = digits.str.head(2).cast(pl.Int64, strict=False)
    minutes = digits.str.tail(2).cast(pl.Int64, strict=False)
    sign = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    return (sign * (hours * 60 + minutes) * (60 * MICROS)).fill_null(0)


def _padded(fraction: pl.Expr, digits: int) -> pl.Expr:
    """Read the first digits after a decimal point as an integer of that many digits."""
    return fraction.str.head(digits).str.pad_end(digits, "0").cast(pl.Int64, strict=False).fill_null(0)


def _price() -> pl.Expr:
    """Return minor units, rounded half up on the decimal digits as written."""
    parts = pl.col("price").str.extract_groups(f"^{PRICE}$")
    whole = parts.struct[1].cast(pl.Int64, strict=False).fill_null(0)
    thousandths = _padded(pl.coalesce(parts.struct[2], parts.struct[3]), 3)
    return pl.when(parts.struct[0].is_not_null()).then(whole * 100 + (thousandths + 5) // 10).alias("price")


def _price_fault() -> pl.Expr:
    text = pl.col("price")
    negative = text.str.starts_with("-") & text.str.contains("[1-9]")
    return (
        pl.when(text.is_null())
        .then(None)
        .when(_price().is_null())
        .then(pl.lit(Reason.BAD_PRICE.value))
        .when(negative)
        .then(pl.lit(Reason.NEGATIVE_PRICE.value))
        .when(_price() > MAX_PRICE)
        .then(pl.lit(Reason.BAD_PRICE.value))
    )
