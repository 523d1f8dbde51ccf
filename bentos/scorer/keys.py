"""API keys: who may ask what.

Only SHA-256 sums of keys are kept (a key has 256 random bits, so a slow hash adds nothing), several are valid at once,
and the file is read again when it changes: that is how a key is rotated without a restart.
"""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from bentos.scorer.problems import Problem
from propensity.errors import SettingsError
from propensity.settings import Settings

logger = logging.getLogger(__name__)

Scope = Literal["predict", "events", "read", "explain", "forget"]
RECHECK_SECONDS: Final = 1.0
"""How long a changed file may go unnoticed; looking costs a stat call."""


class KeyRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key as the file keeps it."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1)]


def new_key(name: str, scopes: Sequence[str]) -> tuple[str, dict[str, object]]:
    """Return a new secret, to be shown once, and the record to add to the keys file."""
    secret = f"ppk_{secrets.token_urlsafe(32)}"
    return secret, {"name": name, "sha256": _sum(secret.encode()), "scopes": list(scopes)}


def read_keys(path: str | Path) -> list[KeyRecord]:
    """Read a keys file; SettingsError where it can't be used."""
    try:
        records = msgspec.json.decode(Path(path).read_bytes(), type=list[KeyRecord])
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"PROPENSITY_API_KEYS_FILE can't be used: {error}. "
            "Make it a JSON list of objects with name, sha256 and scopes."
        ) from error
    if not records:
        raise SettingsError("The keys file holds no key. Add one, or unset PROPENSITY_API_KEYS_FILE.")
    return records


def check_keys(settings: Settings) -> None:
    """Raise SettingsError where a cluster would be left open, or where the keys file can't be used."""
    if not settings.api_keys_file and settings.platform == "kubernetes":
        raise SettingsError(
            "PROPENSITY_API_KEYS_FILE is not set, and on Kubernetes the service is not left open. "
            "Mount a keys file and name it."
        )
    if settings.api_keys_file:
        read_keys(Path(settings.api_keys_file))


class Guard:
    """Lets a request in, or says why not."""

    def __init__(self, path: Path | None, *, monotonic: Callable[[], float]) -> None:
        """Guard by the keys in a file; without one everybody may do everything."""
        self._path = path
        self._monotonic = monotonic
        self._checked = monotonic()
        self._stamp = _stamp(path) if path else None
        self._records = read_keys(path) if path else []

    @classmethod
    def of(cls, settings: Settings, *, monotonic: Callable[[], float]) -> "Guard":
        """Make the guard that the settings ask for; SettingsError where a cluster would be left open."""
        check_keys(settings)
        path = Path(settings.api_keys_file) if settings.api_keys_file else None
        return cls(path, monotonic=monotonic)

    def check(self, headers: list[tuple[bytes, bytes]], *, scope: Scope) -> str:
        """Return the name of the key in the headers, empty where none is asked for; a Problem unless it has this scope."""
        if self._path is None:
            return ""
        self._reread(self._path)
        presented = _presented(headers)
        found = _find(presented, self._records) if presented else None
        if found is None:
            raise Problem(
                "There is no valid API key. Send one as `Authorization: Bearer <key>` or `X-API-Key: <key>`.",
                status=401,
                code="no_key",
                headers=((b"www-authenticate", b"Bearer"),),
            )
        if scope not in found.scopes:
            raise Problem(
                f"This API key lacks the scope `{scope}`. Use another key, or have the scope added.",
                status=403,
                code="wrong_scope",
            )
        return found.name

    def _reread(self, path: Path) -> None:
        if self._monotonic() - self._checked < RECHECK_SECONDS:
            return
        self._checked = self._monotonic()
        stamp = _stamp(path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._records = read_keys(path)
        except SettingsError as error:
            logger.warning(
                "keys file can't be used, the keys read before stay valid", extra={"why": str(error)}
            )
        else:
            logger.info("keys read again", extra={"keys": len(self._records)})


def _presented(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip()
        if name == b"x-api-key":
            return value.strip()
    return None


def _find(presented: bytes, records: list[KeyRecord]) -> KeyRecord | None:
    """Compare with every record, found or not, so that the time taken tells nothing."""
    total = _sum(presented)
    found = None
    for record in records:
        if hmac.compare_digest(total, record.sha256):
            found = record
    return found


def _sum(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino
