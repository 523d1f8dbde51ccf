"""Results of a campaign: counted right, from mature purchases, and suspicious of lost users."""

from collections.abc import Callable

import pytest

from propensity.campaign import results, selection, target_list
from propensity.campaign.results import effect, window
from propensity.campaign.selection import CONTROL, TREATED, Control
from propensity.campaign.upload import BadRow, read_arms
from propensity.errors import WrongFormat
from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.store import Store

AddScores = Callable[..., None]
Buy = Callable[[str, int], None]
START = 1_700_000_000_000_000
LONG_AFTER = START + 90 * DAY


def test_a_window_is_mature_once_late_purchases_have_come() -> None:
    asked = {"length": 7 * DAY, "lateness": HOUR}
    end = START + 7 * DAY
    assert window(START, watermark=end + HOUR, **asked) == (START, end, end)
    assert window(START, watermark=end + HOUR, **asked).is_mature
    early = window(START, watermark=START + 2 * DAY, **asked)
    assert (early.seen_until, early.is_mature) == (START + 2 * DAY - HOUR, False)
    assert window(START, watermark=START - DAY, **asked).seen_until == START


def test_purchases_in_the_window_are_told_by_arm(shop: Store, score_users: AddScores, buy: Buy) -> None:
    score_users(400)
    chosen = selection.select(shop, selection.top(200), control=Control(seed=7))
    listed = target_list.record(shop, chosen, name="spring", by="ann", at=START).target_list
    arms = dict(zip(chosen.users, chosen.is_treated.tolist(), strict=True))
    treated = [user for user, is_treated in arms.items() if is_treated]
    control = [user for user, is_treated in arms.items() if not is_treated]
    for user in (*treated[:30], *control[:2], "u399"):
        buy(user, START + DAY)
        buy(user, START + 2 * DAY)
    buy(treated[40], START - 1)
    buy(treated[41], START + 7 * DAY)
    shop.events.add([Event("view", treated[42], "view", START + DAY)])
    within = window(START, length=7 * DAY, watermark=LONG_AFTER, lateness=0)
    found = results.responses_of_list(shop, listed.list_id, within=within)
    told = effect(found.is_treated, found.bought, control_share=0.1)
    assert (told.treated, told.control) == ((len(treated), 30), (len(control), 2))
    assert told.difference.value == pytest.approx(30 / len(treated) - 2 / len(control))
    assert told.incremental_buyers.value == pytest.approx(30 - 2 * len(treated) / len(control))
    assert told.sample_ratio is not None
    assert told.sample_ratio.holds
    uploaded = {user: TREATED if is_treated else CONTROL for user, is_treated in arms.items()}
    same = results.responses_of_users(shop, uploaded, within=within)
    assert effect(same.is_treated, same.bought, control_share=0.1) == told


def test_a_window_that_is_not_over_counts_what_was_seen(shop: Store, buy: Buy) -> None:
    buy("early", START + DAY)
    buy("late", START + 3 * DAY)
    within = window(START, length=7 * DAY, watermark=START + 3 * DAY + HOUR, lateness=2 * HOUR)
    assert results.buyers(shop, within=within) == {"early"}


def test_an_effect_is_certain_only_where_the_interval_leaves_out_none() -> None:
    few = effect([True] * 90 + [False] * 10, [True] * 9 + [False] * 91, control_share=0.1)
    assert not few.is_certain
    many = effect([True] * 9_000 + [False] * 1_000, [True] * 900 + [False] * 9_100, control_share=0.1)
    assert many.is_certain


def test_users_lost_on_one_side_are_noticed() -> None:
    fair = effect([True] * 9_000 + [False] * 1_000, [False] * 10_000, control_share=0.1)
    lost = effect([True] * 8_000 + [False] * 1_000, [False] * 9_000, control_share=0.1)
    assert fair.sample_ratio is not None
    assert lost.sample_ratio is not None
    assert fair.sample_ratio.holds
    assert not lost.sample_ratio.holds
    assert effect([True, False], [True, False], control_share=None).sample_ratio is None


def test_an_empty_list_has_an_effect_of_which_nothing_is_known() -> None:
    nobody = effect([], [], control_share=0.1)
    assert (nobody.difference.low, nobody.difference.high) == (-1.0, 1.0)


def test_an_uploaded_list_is_read_with_a_reason_for_each_bad_row() -> None:
    lines = [
        "\ufeffArm,user_id\r\n", "Treated,ann\r\n", "control,bob\r\n", ",cid\r\n", "treated, \r\n", "held,dan\r\n",
        "treated,ann\r\n", "treated,eve\r\n", "control,eve\r\n", "treated,'=fay\r\n", f"treated,{'x' * 200}\r\n",
        "treated\r\n",
    ]  # fmt: skip
    found = read_arms(lines)
    assert found.arms == {"ann": TREATED, "bob": CONTROL, "=fay": TREATED}
    arm, user = "an arm that is neither treated nor control", "no user_id"
    assert found.bad == [
        BadRow(4, arm), BadRow(5, user), BadRow(6, arm), BadRow(9, "the user is in both arms"),
        BadRow(11, "a user_id of over 128 characters"), BadRow(12, user),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "lines", [[], ["user,arm\n"], ["user_id;arm\n", "ann;treated\n"], ["user_id,arm\n", "x" * 200_000]]
)
def test_a_list_that_can_not_be_read_says_what_to_do(lines: list[str]) -> None:
    with pytest.raises(WrongFormat, match=r"Give the list|Save it"):
        read_arms(lines)
