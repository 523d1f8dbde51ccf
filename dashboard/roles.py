"""Who a password makes of a person, and when nobody need give one.

A password is the text of a file in one folder, `reader` or `operator`, read at each attempt, so that a rotated Secret
counts at once.
"""

import hashlib
import hmac
from pathlib import Path
from typing import Final, Literal

from propensity.errors import SettingsError
from propensity.settings import Settings

Role = Literal["reader", "operator"]
ROLES: Final[tuple[Role, ...]] = ("operator", "reader")
LONGEST: Final = 1_000
"""Characters of a password; a longer one is not looked at."""


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
    if len(given) > LONGEST:
        return None
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
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} can't be read ({error}). Write the password into it as UTF-8, or set PROPENSITY_DASHBOARD_ACCESS."
        ) from error
