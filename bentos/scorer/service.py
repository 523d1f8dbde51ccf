"""The BentoML service: `bentoml serve bentos.scorer.service:Scorer` starts it.

BentoML runs the process, its life cycle and its client; requests are answered by `front` before its app sees them. The
class itself can be called too: tests and notebooks use the same core without HTTP.
"""

import gc
import sys
import time
from typing import Any, Final, TypeVar

import bentoml
import msgspec
import pydantic
from bentoml import Service

from bentos.scorer.answers import PredictAnswer
from bentos.scorer.assembly import Assembly
from bentos.scorer.exchange import ASGIApp
from bentos.scorer.front import Front
from bentos.scorer.keys import Guard
from bentos.scorer.server import bound_waiting, hand_over_logging
from propensity.features.definition import FEATURES
from propensity.log import set_up_logging
from propensity.settings import read_settings
from propensity.store import Arm

_T = TypeVar("_T")

FIRST_LOOK_SECONDS: Final = 10.0
"""How long a caller of the class waits for the model to be loaded."""
SWITCH_SECONDS: Final = 0.0005
"""Python's default lets the log's thread keep the event loop from its work for 5 ms."""


class FrontedService(Service[_T]):  # type: ignore[misc]
    """A BentoML service whose requests go to our front first."""

    assembly: Assembly | None = None
    """Of the instance that serves."""

    def __call__(self) -> _T:
        """Make the instance, and let the front know its parts."""
        instance: Any = super().__call__()
        self.assembly = instance.assembly
        return instance  # type: ignore[no-any-return]

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """Return our front with BentoML's app behind it."""
        return Front(super().to_asgi(is_main), assembly=lambda: self.assembly)


def _input() -> type[pydantic.BaseModel]:
    fields: dict[str, Any] = {
        feature.name: (
            float,
            pydantic.Field(None, ge=feature.minimum, le=feature.maximum, description=feature.description),
        )
        for feature in FEATURES
    }
    return pydantic.create_model("PredictInput", user_id=(str, ...), **fields)


def _output() -> type[pydantic.BaseModel]:
    fields: dict[str, Any] = {
        field.name: (field.type, ...) for field in msgspec.structs.fields(PredictAnswer) if field.required
    }
    fields["arm"] = (Arm | None, None)
    return pydantic.create_model(
        "PredictOutput", __config__=pydantic.ConfigDict(protected_namespaces=()), **fields
    )


class BatchInput(pydantic.BaseModel):
    """What `predict_batch` takes."""

    users: list[dict[str, Any]]


class BatchOutput(pydantic.BaseModel):
    """What `predict_batch` returns."""

    predictions: list[dict[str, Any]]


@bentoml.service(
    name="propensity_scorer",
    service_class=FrontedService,
    workers=1,  # a pod has one: with two, all keep-alive connections may sit on one of them
    # For the one route that is passed on: a longer timeout keeps each request in memory as long.
    traffic={"timeout": 2},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},  # its middleware labels by raw path; /metrics is ours
    tracing={"excluded_urls": ".*"},
)
class Scorer:
    """Predicts who buys within 24 hours."""

    def __init__(self) -> None:
        """Read the settings at this door and start the parts."""
        self.settings = read_settings()
        self.assembly = Assembly(self.settings, now=_now)
        self.assembly.start()

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    def check_settings() -> None:
        """Refuse to start, once and with a sentence, where a worker would fail again and again."""
        Guard.of(read_settings(), monotonic=time.monotonic)

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    def settle(self) -> None:
        """Set up what belongs to the process: logging, its end, thread switching, a collector spared what was loaded."""
        set_up_logging(self.settings.log_format)
        hand_over_logging()
        bound_waiting()
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.collect()
        gc.freeze()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def stop(self) -> None:
        """Flush the prediction log; uvicorn has finished what was in flight."""
        self.assembly.stop()

    @bentoml.api(route="/predict", input_spec=_input(), output_spec=_output())  # type: ignore[untyped-decorator]
    def predict(self, **asked: Any) -> dict[str, Any]:
        """Answer for one user; a Problem says why not."""
        given = {name: value for name, value in asked.items() if value is not None}
        answer = self.assembly.scoring.predict_now(_body(given), wait_seconds=FIRST_LOOK_SECONDS)
        return dict(msgspec.to_builtins(answer))

    @bentoml.api(route="/predict/batch", input_spec=BatchInput, output_spec=BatchOutput)  # type: ignore[untyped-decorator]
    def predict_batch(self, users: list[dict[str, Any]]) -> dict[str, Any]:
        """Answer for many users, in order; a bad one is an item with an error."""
        answer = self.assembly.scoring.predict_batch(_body({"users": users}), wait_seconds=FIRST_LOOK_SECONDS)
        return {"predictions": msgspec.to_builtins(answer.predictions)}


def _body(asked: dict[str, Any]) -> bytes:
    """Return what a client would have sent: one way of reading serves both."""
    return msgspec.json.encode(asked)


def _now() -> int:
    return time.time_ns() // 1_000
