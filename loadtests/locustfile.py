"""What locust reads: who asks, in what numbers, and when a run has failed."""

from loadtests import behaviours, limits, shape
from loadtests.behaviours import BadInput, Batch, Events, Single, UnknownUser

__all__ = ["BadInput", "Batch", "Events", "Single", "UnknownUser"]

behaviours.listen()
shape.listen()
limits.listen()
