"""What each component asks of the Kubernetes API, found by doing everything it does with a client that takes notes."""

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from propensity.cluster import ClusterPlatform

RELEASE, NAMESPACE = "shop-propensity", "market"
DONE: dict[str, tuple[Callable[[ClusterPlatform], object], ...]] = {
    # lifecycle.retraining: makes the Job of a number it claimed, and looks whether that of an earlier one is gone.
    "monitor": (
        lambda platform: platform.start_training(1, []),
        lambda platform: platform.training_is_gone(1),
    ),
    # The same for those people asked for, and lifecycle.rollout.
    "operator": (
        lambda platform: platform.start_training(1, []),
        lambda platform: platform.training_is_gone(1),
        lambda platform: platform.annotated(),
        lambda platform: platform.annotate("1@sha256:0"),
        lambda platform: platform.is_ready(),
    ),
}
"""The calls of `lifecycle.platform.Platform` that a component makes; who is not here has no token."""
VERBS = {"GET": "get", "POST": "create", "PATCH": "patch"}


class Notes:
    """An API client to which all is there; it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: set[str] = set()
        self.configuration = SimpleNamespace(host="")

    def update_params_for_auth(self, *_: object) -> None:
        """No login."""

    def call_api(self, method: str, url: str, *_: object, **__: object) -> Any:
        """Write the call down as `verb group/resource/name`."""
        _, _, group, _, _, namespace, resource, *name = url.split("/")
        assert namespace == NAMESPACE
        by_name = [] if resource == "jobs" else name  # a Job's name is not known when rights are given
        self.asked.add(f"{VERBS[method]} {'/'.join([group, resource, *by_name])}")
        return SimpleNamespace(status=200, read=lambda: ANSWER)


ANSWER = b"""{"metadata": {"name": "x", "uid": "1", "generation": 1},
"spec": {"template": {}, "jobTemplate": {"spec": {"template": {}}}}, "status": {}}"""
"""Enough of a CronJob, a Job and a Deployment for who reads them."""


@functools.cache
def needed(component: str) -> set[str]:
    """What a component must be allowed, as `kubectl auth can-i` is asked it."""
    notes = Notes()
    platform = ClusterPlatform(notes, namespace=NAMESPACE, release=RELEASE)  # type: ignore[arg-type]
    for call in DONE.get(component, ()):
        call(platform)
    return notes.asked
