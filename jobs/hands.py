"""The operator's hands: what each part of a look works with."""

from collections.abc import Callable
from typing import NamedTuple

from propensity.lifecycle.platform import Platform
from propensity.registry import Registry
from propensity.settings import Settings
from propensity.store import Store


class Hands(NamedTuple):
    """What the operator works with."""

    store: Store
    registry: Registry
    platform: Platform
    settings: Settings
    clock: Callable[[], int]
