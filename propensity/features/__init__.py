"""Features: one pure function of (events, cutoff), in two forms that give the same numbers.

`definition` says what each one is; `online` computes one user's row in plain Python, `offline` many users' rows at
many cutoffs with Polars. Import the form you need: the service's image has no Polars.
"""

from propensity.features.definition import FEATURES, NAMES, VERSION, Feature

__all__ = ["FEATURES", "NAMES", "VERSION", "Feature"]
