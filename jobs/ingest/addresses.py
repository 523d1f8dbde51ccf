"""What people are told of where a file lies and why it can't be read: never what opens it.

A signed URL gives the file to whoever reads a log, a message or a refusal, and the libraries behind fsspec quote it in
their errors. So query, fragment and user are left off every name, and no text of theirs is passed on that could hold
an address.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from propensity.errors import InputMissing, PropensityError

_HOST: Final = re.compile(r"[^:@]*(:[0-9]*)?")
_CONTAINER: Final = re.compile(r"abfss?://[a-z0-9$-]+@[^:@]*")
"""Before the @ of an Azure address stands a container's name, and nothing secret."""
NOT_FOUND: Final = 404


def shown(address: str) -> str:
    """Return an address without user, password, query and fragment; a path as it is."""
    if "://" not in address:
        return address
    return "::".join(_shown(part) for part in address.split("::"))


@contextmanager
def explained(name: str, *, is_local: bool) -> Iterator[None]:
    """Raise InputMissing, which names the file `name`, for whatever the library behind an address raises."""
    try:
        yield
    except PropensityError:
        raise
    except Exception as error:  # noqa: BLE001 - each of fsspec's back ends raises its own library's errors
        # `from None`: a traceback would quote the address
        raise _missing(name, error) from (error if is_local else None)


def _missing(name: str, error: Exception) -> InputMissing:
    status = _status(error) or _status(error.__cause__)
    if isinstance(error, FileNotFoundError) and status in {None, NOT_FOUND}:
        return InputMissing(f"There is nothing at {name}. Check the path.")
    reason = f"HTTP status {status}" if status else _reason(error)
    return InputMissing(
        f"{name} can't be read ({reason}). Check the path, its permissions and the connection."
    )


def _status(error: BaseException | None) -> int | None:
    found = (
        getattr(error, name, None) for name in ("status", "status_code", "code")
    )  # aiohttp's, Azure's, Google's
    return next((one for one in found if isinstance(one, int)), None)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        said = error.strerror
    elif isinstance(error, PermissionError):
        said = "access denied"  # by S3, without a word of its own
    elif isinstance(error, ValueError | ImportError):
        said = str(error).rstrip(".")  # says which protocol is unknown, or what to install
    else:
        said = ""
    return type(error).__name__ if not said or re.search("[/@?#]", said) else said


def _shown(part: str) -> str:
    scheme, separator, rest = part.rpartition("://")
    host = re.split("[/?#]", rest)[0]
    if not _HOST.fullmatch(host) and not _CONTAINER.fullmatch(f"{scheme}://{host}"):
        rest = rest.rpartition("@")[2]
    return f"{scheme}{separator}{re.split('[?#]', rest)[0]}"
