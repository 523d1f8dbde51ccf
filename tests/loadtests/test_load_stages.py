"""The shapes of a load: stages one after the other, longer or with more clients on request."""

import pytest

from loadtests.stages import SHAPES, Stage, scaled, stage_at

TWO = [Stage("calm", 10, 4, 2), Stage("spike", 5, 40, 20)]


def test_a_run_goes_through_its_stages_and_ends() -> None:
    assert [stage_at(TWO, seconds) for seconds in (0, 9.9, 10, 14.9, 15)] == [
        TWO[0], TWO[0], TWO[1], TWO[1], None,
    ]  # fmt: skip


def test_a_stage_can_take_longer_and_hold_more_clients_who_come_as_much_quicker() -> None:
    assert scaled(TWO, stretch=2, crowd=0.5) == [Stage("calm", 20, 2, 1), Stage("spike", 10, 20, 10)]
    assert scaled(TWO, stretch=1, crowd=0.01)[0].users == 1


@pytest.mark.parametrize("name", SHAPES)
def test_in_each_shape_all_clients_of_a_stage_are_there_before_it_is_half_over(name: str) -> None:
    users = 0
    for stage in SHAPES[name]:
        assert abs(stage.users - users) / stage.spawn_rate < stage.seconds / 2, stage
        users = stage.users


def test_the_shapes_are_what_their_names_say() -> None:
    assert set(SHAPES) == {"steady", "ramp", "spike", "soak"}
    counts = {name: [stage.users for stage in stages] for name, stages in SHAPES.items()}
    assert len(set(counts["steady"])) == len(set(counts["soak"])) == 1
    assert counts["ramp"] == sorted(set(counts["ramp"]))
    assert max(counts["spike"]) >= 10 * counts["spike"][0]
    assert SHAPES["soak"][-1].seconds == 600
