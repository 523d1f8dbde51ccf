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
CLOCK_LENGTH: Final = len("2026-01-31T23:59:59")
PLAIN_PRICE: Final = r"^[0-9]{1,9}(?:\.[0-9]{1,2})?$"
"""Nothing to round and nothing to refuse."""
OTHER_IDS: Final = ("product_id", "category_id", "session_id")


def clean(
    rows: pl.DataFrame, *, log_format: LogFormat, now: int, has_spaces: bool = True, has_controls: bool = True
) -> pl.DataFrame:
    """Return columns line, raw, reason and those of an event; reason is null where the row is one.

    Rows have columns line, raw, fault and, as text, the fields that the log has; event_time may be microseconds
    already. A log without ids of its own leaves event_id null. Who knows that no field has a space or a control
    character in it spares looking for them.
    """
    texts = rows.select(
        "line", "raw", "fault", *(_trimmed(rows, name, has_spaces=has_spaces) for name in FIELDS)
    )
    price, price_fault = _price(texts["price"])
    typed = texts.with_columns(
        _event_type(log_format),
        _event_time(texts["event_time"], log_format).alias("event_time"),
        price.alias("price"),
        price_fault.alias("price_fault"),
    )
    faults = _faults(now=now, has_ids="event_id" in rows.columns, has_controls=has_controls)
    return typed.select("line", "raw", _first_of(faults, typed), *FIELDS)


def _trimmed(rows: pl.DataFrame, name: str, *, has_spaces: bool) -> pl.Expr:
    """Return a column without the spaces around its values, null where nothing is left."""
    if name not in rows.columns:
        return pl.lit(None, pl.String).alias(name)
    if rows.schema[name] != pl.String:
        return pl.col(name)
    text = pl.col(name)
    if has_spaces and rows[name].str.contains(" ", literal=True).any():
        text = text.str.strip_chars(" ")
    return pl.when(text != "").then(text).alias(name)


def _faults(*, now: int, has_ids: bool, has_controls: bool) -> list[tuple[pl.Expr, Reason]]:
    """Return what can be wrong with a row, in the order that validation looks for it."""
    time = pl.col("event_time")
    return [
        (pl.col("user_id").is_null(), Reason.MISSING_USER),
        (_is_bad_id("user_id", has_controls=has_controls), Reason.BAD_ID),
        (pl.col("event_id").is_null() & has_ids, Reason.MISSING_EVENT_ID),
        (_is_bad_id("event_id", has_controls=has_controls), Reason.BAD_ID),
        *((_is_bad_id(name, has_controls=has_controls), Reason.BAD_ID) for name in OTHER_IDS),
        (pl.col("event_type").is_null(), Reason.UNKNOWN_TYPE),
        (time.is_null() | (time < EARLIEST_TIME), Reason.BAD_TIME),
        (time > now + FUTURE_TOLERANCE, Reason.FUTURE),
    ]


def _first_of(faults: list[tuple[pl.Expr, Reason]], typed: pl.DataFrame) -> pl.Series:
    """Return the first fault of each row, null for most: only the others are asked which it is."""
    faulty = typed.select(
        pl.any_horizontal(
            pl.col("fault").is_not_null(),
            *(is_so for is_so, _ in faults),
            pl.col("price_fault").is_not_null(),
        )
    ).to_series()
    reasons = (pl.when(is_so).then(pl.lit(reason.value)) for is_so, reason in faults)
    found = typed.filter(faulty).select(pl.coalesce("fault", *reasons, "price_fault")).to_series()
    nothing = pl.repeat(None, typed.height, dtype=pl.String, eager=True).alias("reason")
    return nothing.scatter(faulty.arg_true(), found) if len(found) else nothing


def _is_bad_id(name: str, *, has_controls: bool) -> pl.Expr:
    text = pl.col(name)
    is_long = (text.str.len_bytes() > MAX_ID_LENGTH) & (text.str.len_chars() > MAX_ID_LENGTH)
    return (is_long | text.str.contains(CONTROL)) if has_controls else is_long


def _event_type(log_format: LogFormat) -> pl.Expr:
    return pl.col("event_type").replace_strict(dict(log_format.types), default=None, return_dtype=pl.String)


def _event_time(text: pl.Series, log_format: LogFormat) -> pl.Series:
    """Return microseconds since the epoch, null where it is no time."""
    if text.dtype != pl.String:
        micros = text
    elif log_format.time_unit in UNITS:
        micros = _counted_time(text, UNITS[log_format.time_unit])
    elif log_format.time_unit == "us":
        micros = _integer_time(text)
    else:
        micros = _clock_time(text, zone_required=log_format.zone_required)
        if micros.null_count() > text.null_count():
            micros = micros.fill_null(_integer_time(text))
    return micros.set(~micros.is_between(0, MAX_COUNTED), None)


def _integer_time(text: pl.Series) -> pl.Series:
    return text.set(~text.str.contains(f"^{COUNTED_TIME}$"), None).cast(pl.Int64)


def _counted_time(text: pl.Series, micros: int) -> pl.Series:
    """Read seconds or milliseconds, with or without a fraction, to the microsecond below."""
    whole = _integer_time(text)
    fraction: pl.Series | int = 0
    if whole.null_count() > text.null_count():
        parts = text.str.extract_groups(rf"^({COUNTED_TIME})(?:\.([0-9]{{1,9}}))?$").struct.unnest()
        whole = parts.to_series(0).cast(pl.Int64)
        fraction = _padded(parts.to_series(1), len(str(micros)) - 1)
    return whole.set(whole >= MAX_COUNTED // micros, None) * micros + fraction


def _clock_time(text: pl.Series, *, zone_required: bool) -> pl.Series:
    zone = f" ?{ZONE}" if zone_required else f"(?: ?{ZONE})?"
    well_formed = text.set(~text.str.contains(f"^{CLOCK_TIME}{zone}$"), None)
    micros = _to_the_second(well_formed.str.head(CLOCK_LENGTH))
    rest = well_formed.str.slice(CLOCK_LENGTH)
    if rest.str.starts_with(".").any():
        micros += _fraction_of_second(rest)
    if rest.str.contains("[+-]").any():
        micros -= _offset(rest.str.extract("([+-].+)$"))
    return micros


def _to_the_second(clock: pl.Series) -> pl.Series:
    """Read times without zone and fraction; most logs put the same letter between date and time everywhere."""
    if not clock.str.contains(" ", literal=True).any():
        format_ = "%Y-%m-%dT%H:%M:%S"
    else:
        clock, format_ = clock.str.replace("T", " ", literal=True), "%Y-%m-%d %H:%M:%S"
    return clock.str.to_datetime(format_, strict=False, time_unit="us").cast(pl.Int64)


def _fraction_of_second(rest: pl.Series) -> pl.Series:
    """Read what follows the seconds, which is well formed; most logs write six digits everywhere or none."""
    digits = rest.str.slice(1, 6)
    six = digits.cast(pl.Int64, strict=False)
    # A well-formed rest begins with a digit after the point, so that six characters that are a number are six digits.
    if six.null_count() == rest.null_count() and (digits.str.len_bytes() == 6).all():
        return six
    return _padded(rest.str.extract(r"^\.([0-9]+)"), 6)


def _offset(zone: pl.Series) -> pl.Series:
    """Return how many microseconds a numeric zone is ahead of UTC; 0 for none."""
    digits = zone.str.slice(1).str.replace(":", "", literal=True).str.pad_end(4, "0")
    minutes = digits.str.head(2).cast(pl.Int64) * 60 + digits.str.tail(2).cast(pl.Int64)
    sign = 1 - 2 * zone.str.starts_with("-").cast(pl.Int64)
    return (sign * minutes * (60 * MICROS)).fill_null(0)


def _padded(fraction: pl.Series, digits: int) -> pl.Series:
    """Read the first digits after a decimal point as an integer of that many digits; 0 for none."""
    return fraction.str.head(digits).str.pad_end(digits, "0").cast(pl.Int64).fill_null(0)


def _price(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return minor units, rounded half up on the decimal digits as written, and what is wrong with a price."""
    if text.null_count() == len(text):
        return text.cast(pl.Int64), text
    if text.str.contains(PLAIN_PRICE).all():
        minor = text.cast(pl.Decimal(18, 2)).cast(pl.Decimal(20, 2)) * 100
        return minor.cast(pl.Int64), pl.repeat(None, len(text), dtype=pl.String, eager=True)
    return _any_price(text)


def _any_price(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    parts = text.str.extract_groups(f"^{PRICE}$").struct.unnest()
    sign, whole, fraction, alone = parts.iter_columns()
    units = whole.cast(pl.Int64, strict=False).fill_null(0)
    if alone.null_count() < len(alone):
        fraction = fraction.fill_null(alone)
    minor = units * 100 + (_padded(fraction, 3) + 5) // 10
    minor = minor.set(sign.is_null(), None)
    fault = pl.select(
        pl.when(text.is_not_null() & minor.is_null())
        .then(pl.lit(Reason.BAD_PRICE.value))
        .when((sign == "-") & text.str.contains("[1-9]"))
        .then(pl.lit(Reason.NEGATIVE_PRICE.value))
        .when(minor > MAX_PRICE)
        .then(pl.lit(Reason.BAD_PRICE.value))
    ).to_series()
    return minor, fault
