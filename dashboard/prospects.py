"""What a list of users is expected to bring, before anybody on it was contacted; and who is on it."""

import math

import numpy as np

from propensity import proportions
from propensity.bundle import Estimate, ModelDocument
from propensity.campaign.selection import ARMS, TREATED, Selection
from propensity.proportions import Z95


def expected(found: Selection) -> Estimate:
    """Return the buyers to be expected among the treated, with what chance alone leaves open; probabilities are taken as true."""
    chances = found.probabilities[found.is_treated]
    by = Z95 * math.sqrt(float((chances * (1 - chances)).sum()))
    buyers = found.expected_buyers
    return Estimate(buyers, max(0.0, buyers - by), min(float(len(chances)), buyers + by))


def reached(found: Selection, document: ModelDocument) -> Estimate | None:
    """Return the share of all buyers who are treated: the operating curve's recall, less those who are held back.

    The curve counts everybody above the last one's probability, so its recall is split as the list's expected buyers
    are. None for an empty list and where the curve begins lower.
    """
    listed = float(found.probabilities.sum())
    at = [
        one.recall
        for one in document.operating_curve
        if len(found.users) and one.threshold >= found.probabilities[-1]
    ]
    if not at or not listed:
        return None
    validate = document.periods.get("validate")
    buyers = validate.positives if validate else 0
    recall = proportions.share(round(max(at) * buyers), buyers)
    treated = found.expected_buyers / listed
    return Estimate(max(at) * treated, recall.low * treated, recall.high * treated)


def places_of(found: Selection, *, part: str, arm: str) -> list[int]:
    """Return where on a list the users stand whose id holds a text, of an arm or of both."""
    is_wanted = found.is_treated == (arm == TREATED) if arm in ARMS else np.ones(len(found.users), dtype=bool)
    places = np.flatnonzero(is_wanted).tolist()
    return [place for place in places if part in found.users[place]] if part else places
