"""The shapes a load can have, each as a table of stages: how long, how many clients, how quickly they come and go."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple


class Stage(NamedTuple):
    """A stretch of time with one number of clients."""

    name: str
    seconds: float
    users: int
    spawn_rate: float
    """Clients that come or go in a second."""


SHAPES: Final[Mapping[str, Sequence[Stage]]] = {
    "steady": (
        Stage("warm-up", 10, 20, 10),
        Stage("steady", 60, 20, 10),
    ),
    "ramp": (
        Stage("first", 30, 5, 5),
        Stage("second", 30, 10, 5),
        Stage("third", 30, 20, 5),
        Stage("fourth", 30, 40, 10),
        Stage("fifth", 30, 80, 10),
    ),
    "spike": (
        Stage("calm before", 30, 10, 10),
        Stage("spike", 20, 100, 100),
        Stage("calm after", 60, 10, 100),
    ),
    "soak": (
        Stage("warm-up", 60, 20, 10),
        Stage("soak", 600, 20, 10),
    ),
}


def scaled(stages: Sequence[Stage], *, stretch: float, crowd: float) -> list[Stage]:
    """Return the stages with their seconds times `stretch`, and their clients and how quickly they come times `crowd`."""
    return [
        stage._replace(
            seconds=stage.seconds * stretch,
            users=max(1, round(stage.users * crowd)),
            spawn_rate=stage.spawn_rate * crowd,
        )
        for stage in stages
    ]


def stage_at(stages: Sequence[Stage], seconds: float) -> Stage | None:
    """Return the stage that a run is in; None where it is over."""
    end = 0.0
    for stage in stages:
        end += stage.seconds
        if seconds < end:
            return stage
    return None
