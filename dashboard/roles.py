"""Who a password makes of a person, and when nobody need give one.

A password is the text of a file in one folder, `reader` or `operator`, read at each attempt, so that a rotated Secret
counts at once. Attempts of the whole process are counted: guessing is slowed down whoever does it.
"""

import hashlib
import hmac
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from propensity.errors import SettingsError
from propensity.settings import Settings

Role = Literal["reader", "operator"]
ROLES: Final[tuple[Role, ...]] = ("operator", "reader")
MAX_FAILURES: Final = 10
"""Wrong passwords after which nobody gets in for a while."""
PAUSE_SECONDS: Final = 60.0


class Door:
    """Counts wrong passwords of everybody."""

    def __init__(self) -> None:
        self._failures: list[float] = []
        self._one_at_a_time = threading.Lock()

    def opens(self, ask: Callable[[], Role | None], *, now: float) -> Role | None:
        """Return what `ask` says of a password; None, unasked, while the door is shut.

        One attempt after the other, so that a thousand tabs at once are not a thousand guesses; those at a shut door are
        not counted, or guessing on would keep everybody out for good.
        """
        with self._one_at_a_time:
            if self.is_shut(now):
                return None
            role = ask()
            if role is None:
                self.failed(now)
            return role

    def is_shut(self, now: float) -> bool:
        """Whether there were too many of them lately."""
        self._failures = [at for at in self._failures if now - at < PAUSE_SECONDS]
        return len(self._failures) >= MAX_FAILURES

    def failed(self, now: float) -> None:
        """Remember one."""
        self._failures.append(now)


def check(settings: Settings) -> None:
    """Raise SettingsError where nobody would be asked who they are, and it is no laptop."""
    if settings.platform != "embedded" and not (settings.dashboard_access or settings.dashboard_oidc):
        raise SettingsError(
            "The dashboard would be open to everybody. Set PROPENSITY_DASHBOARD_ACCESS to a folder of passwords, or "
            "PROPENSITY_DASHBOARD_OIDC."
        )
    if settings.dashboard_access and not any(passwords(settings).values()):
        raise SettingsError(
            f"{settings.dashboard_access} holds no password. Write one into its file `reader` or `operator`."
        )


def passwords(settings: Settings) -> dict[Role, str]:
    """Return the password of each role; empty where there is none, which lets nobody in."""
    return {role: _text(Path(settings.dashboard_access) / role) for role in ROLES}


def role_of(given: str, settings: Settings) -> Role | None:
    """Return the role a password opens, compared in constant time."""
    found: Role | None = None
    for role, password in passwords(settings).items():
        same = hmac.compare_digest(given.encode(), password.encode())
        if password and same and found is None:
            found = role
    return found


def stamp(role: Role, settings: Settings) -> str:
    """Return what tells a role's present password from its next one, without being it."""
    return hashlib.sha256(f"{role}\0{passwords(settings)[role]}".encode()).hexdigest()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SettingsError(f"{path} can't be read ({error}). Set PROPENSITY_DASHBOARD_ACCESS.") from error
