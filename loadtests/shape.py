"""The shape of a run, chosen by --shape: locust is told by it how many clients there are to be.

Without one, locust's own --users and --run-time decide.
"""

import logging
from collections.abc import Sequence
from typing import Any

from locust import LoadTestShape, events

from loadtests.stages import SHAPES, Stage, scaled, stage_at

logger = logging.getLogger(__name__)


class Staged(LoadTestShape):  # type: ignore[misc]
    """Goes from stage to stage and ends with the last one."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        super().__init__()
        self._stages = stages
        self._now: Stage | None = None

    def tick(self) -> tuple[int, float] | None:
        """Return how many clients there are to be, and how quickly they come and go; None at the end."""
        stage = stage_at(self._stages, self.get_run_time())
        if stage is None:
            return None
        if stage is not self._now:
            logger.info("stage %s begins: %d users for %.0f s", stage.name, stage.users, stage.seconds)
            self._now = stage
        return stage.users, stage.spawn_rate


def listen() -> None:
    """Have locust ask for a shape and go by it."""
    events.init_command_line_parser.add_listener(add_options)
    events.init.add_listener(choose)


def add_options(parser: Any, **_: object) -> None:
    """Add what can be set, each with its environment variable."""
    group = parser.add_argument_group("Shape")
    group.add_argument(
        "--shape",
        choices=["", *SHAPES],
        default="",
        env_var="LOADTEST_SHAPE",
        help="Stages to go through, in place of --users and --run-time.",
    )
    for name, text in (("stretch", "How much longer each stage is"), ("crowd", "How many times the clients")):
        group.add_argument(
            f"--{name}", type=float, default=1.0, env_var=f"LOADTEST_{name.upper()}", help=f"{text}. [1]"
        )


def choose(environment: Any, **_: object) -> None:
    """Give the run the shape that was asked for."""
    options = environment.parsed_options
    if options.shape:
        stages = scaled(SHAPES[options.shape], stretch=options.stretch, crowd=options.crowd)
        environment.shape_class = Staged(stages)
        environment.shape_class.runner = environment.runner
