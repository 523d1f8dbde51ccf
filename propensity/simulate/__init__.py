"""An honest generator of event logs: synthetic users with a hidden intent, and the true probability that each will buy.

Every log made here is synthetic: no row describes a person. It is for demos, tests and load, where a real log with
known truth can't be had. The same scenario gives the same bytes on every machine with the same library versions.
"""

from propensity.simulate.process import Process
from propensity.simulate.scenario import Drift, Scenario
from propensity.simulate.simulation import Simulation, simulate

__all__ = ["Drift", "Process", "Scenario", "Simulation", "simulate"]
