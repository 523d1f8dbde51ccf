"""Why a user got this answer: what each feature added to it, exactly; see `explainer` for what "it" is."""

from propensity.explanation.explainer import Contribution, Explainer, Explanation, Explanations

__all__ = ["Contribution", "Explainer", "Explanation", "Explanations"]
