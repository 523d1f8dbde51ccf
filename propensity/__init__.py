"""The floor of Propensity: what two rooms need, and nothing that only one of them does."""

__version__ = "0.1.0"
