"""What a list is expected to bring: the held back count in nothing, and each number says how sure it is."""

import math
from typing import Any

import numpy as np
import pytest

from dashboard.prospects import expected, places_of, reached
from propensity.bundle import ModelDocument, OperatingPoint
from propensity.campaign.selection import Control, Selection, top


def listed(*, held_back: float) -> Selection:
    chances = np.full(1_000, 0.2)
    is_treated = np.arange(1_000) >= 1_000 * held_back
    return Selection(
        cutoff=0,
        model_version="1",
        rule=top(1_000),
        control=Control(seed=1, share=held_back),
        users=[f"u{number:04}" for number in range(1_000)],
        probabilities=chances,
        is_treated=is_treated,
    )


def document(recall: float) -> ModelDocument:
    """A document of which only curve and validation days are read."""
    points = [
        OperatingPoint(0.5, 0.1, 0.9, 0.01),
        OperatingPoint(0.2, recall, 0.5, 0.2),
        OperatingPoint(0.1, 1.0, 0.1, 1.0),
    ]
    return stand_in(operating_curve=points, periods={"validate": stand_in(positives=400)})


def stand_in(**fields: Any) -> Any:
    return type("StandIn", (), fields)()


@pytest.mark.parametrize("held_back", [0.1, 0.5])
def test_who_is_held_back_is_not_reached(held_back: float) -> None:
    found = reached(listed(held_back=held_back), document(0.8))
    assert found is not None
    assert found.value == pytest.approx(0.8 * (1 - held_back))
    assert found.low < found.value < found.high


def test_expected_buyers_have_the_interval_of_chance() -> None:
    found = expected(listed(held_back=0.1))
    by = 1.96 * math.sqrt(900 * 0.2 * 0.8)
    assert (found.value, found.low, found.high) == pytest.approx((180, 180 - by, 180 + by), rel=1e-3)


def test_nobody_listed_reaches_nobody_knows_whom() -> None:
    nobody = listed(held_back=0.1)
    empty = Selection(
        cutoff=0, model_version="1", rule=top(0), control=nobody.control, users=[], probabilities=np.zeros(0),
        is_treated=np.zeros(0, dtype=bool),
    )  # fmt: skip
    assert reached(empty, document(0.8)) is None
    assert (expected(empty).low, expected(empty).high) == (0, 0)


def test_users_on_a_list_are_found_by_a_part_of_their_name_and_by_arm() -> None:
    found = listed(held_back=0.1)
    assert places_of(found, part="u0099", arm="both") == [99]
    assert places_of(found, part="u009", arm="treated") == []
    assert places_of(found, part="u009", arm="control") == list(range(90, 100))
    assert len(places_of(found, part="", arm="both")) == 1_000
