"""Engines: where work over all users and a grid search run, on this machine or on the workers of a Dask scheduler.

The rooms say what is to be done as a function of a store and a range of users, and get the same answers from either
engine. Nothing of Dask is imported before an address is given.
"""

from propensity.engine.machine import HERE, Engine, ThisMachine, Work
from propensity.engine.opening import open_engine
from propensity.engine.users import feature_rows_of

__all__ = ["HERE", "Engine", "ThisMachine", "Work", "feature_rows_of", "open_engine"]
