"""An honest generator of event logs: synthetic users with a hidden intent, and the true probability that each will buy.

Every log made here is synthetic: no row describes a person. It is for demos, tests and load, where a real log with
known truth can't be had. The same scenario gives the same bytes, again and again, with the same library versions on
the same kind of processor. The default log holds some 700,000 events; 6 to 7 % of its active users buy within a day,
and nobody can rank them better than the truth does: with a ROC AUC of about 0.915.
"""

from propensity.simulate.process import Process
from propensity.simulate.scenario import Drift, Scenario
from propensity.simulate.simulation import Simulation, simulate

__all__ = ["Drift", "Process", "Scenario", "Simulation", "simulate"]
