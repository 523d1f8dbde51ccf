"""What locust reads: who asks, and when a run has failed."""

from loadtests import limits
from loadtests.behaviours import BadInput, Batch, Single, UnknownUser

__all__ = ["BadInput", "Batch", "Single", "UnknownUser"]

limits.listen()
