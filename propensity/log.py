"""Logging, set up in one place: text for a person at a terminal, one JSON object a line for a cluster."""

import logging
import sys
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

BACK_ENDS: Final = ("adlfs", "azure", "aiobotocore", "botocore", "gcsfs", "google", "s3fs")
"""Libraries that log at length, addresses and tracebacks included, what they raise as well: we say it in one sentence."""


class JsonFormatter(logging.Formatter):
    """One line per record: time, level, logger, message and the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON; what JSON has no form for is written as its text."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class TextFormatter(logging.Formatter):
    """Level, message and the record's own fields as `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, the traceback below it where there is one."""
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        line = f"{record.levelname.lower()}: {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up_logging(style: Literal["auto", "text", "json"], *, level: int = logging.INFO) -> None:
    """Send our own records to stderr in the style asked for, and other libraries' from warnings up."""
    json = style == "json" or (style == "auto" and not sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if json else TextFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for room in ("propensity", "training", "bentos", "jobs"):
        logging.getLogger(room).setLevel(level)
    for library in BACK_ENDS:
        logging.getLogger(library).setLevel(logging.CRITICAL)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}
