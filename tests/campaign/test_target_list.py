"""Target lists: who is on one, who is held back, and that exporting twice is exporting once."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from propensity.campaign import selection, target_list
from propensity.campaign.selection import CONTROL, TREATED, Control, Rule, select
from propensity.errors import NoScores
from propensity.store import Store

AddScores = Callable[..., None]
CONTROL_OF_7 = Control(seed=7)


def record(
    store: Store, *, name: str = "spring", at: int = 5, rule: Rule | None = None
) -> target_list.Recorded:
    chosen = select(store, rule or selection.top(100), control=CONTROL_OF_7)
    return target_list.record(store, chosen, name=name, by="ann", at=at)


def test_a_list_holds_the_likeliest_buyers_of_the_newest_scores(shop: Store, score_users: AddScores) -> None:
    score_users(50, cutoff=1)
    score_users(200, cutoff=2)
    chosen = select(shop, selection.top(100), control=CONTROL_OF_7)
    assert (chosen.cutoff, chosen.model_version) == (2, "3")
    assert chosen.users == [f"u{number}" for number in range(100)]
    assert select(shop, selection.top(100), control=CONTROL_OF_7, cutoff=1).users == [
        f"u{n}" for n in range(50)
    ]


def test_a_threshold_takes_everyone_at_or_above_it(shop: Store, score_users: AddScores) -> None:
    score_users(200)
    chosen = select(shop, selection.at_least(0.75), control=CONTROL_OF_7)
    assert len(chosen.users) == 51
    assert chosen.probabilities.min() == 0.75


@pytest.mark.parametrize(("amount", "cost", "contacts"), [(0.3, 0.1, 3), (4.99, 0.5, 9), (0, 1, 0)])
def test_a_budget_is_spent_on_the_treated_alone(
    shop: Store, score_users: AddScores, amount: float, cost: float, contacts: int
) -> None:
    score_users(200)
    chosen = select(shop, selection.budget(amount, cost=cost), control=CONTROL_OF_7)
    assert chosen.treated == contacts
    following = select(shop, selection.top(len(chosen.users) + 1), control=CONTROL_OF_7)
    assert following.treated == contacts + 1


@pytest.mark.parametrize(("amount", "cost"), [(1e9, 1), (0, 0)])
def test_a_budget_for_more_than_everyone_takes_everyone(
    shop: Store, score_users: AddScores, amount: float, cost: float
) -> None:
    score_users(200)
    assert len(select(shop, selection.budget(amount, cost=cost), control=CONTROL_OF_7).users) == 200


def test_expected_buyers_are_the_sum_of_the_treated_probabilities(
    shop: Store, score_users: AddScores
) -> None:
    score_users(200)
    chosen = select(shop, selection.top(80), control=CONTROL_OF_7)
    listed = zip(chosen.probabilities, chosen.is_treated, strict=True)
    assert chosen.expected_buyers == pytest.approx(sum(chance for chance, is_treated in listed if is_treated))
    assert 0 < chosen.expected_buyers < chosen.probabilities.sum()


def test_about_a_tenth_is_held_back_and_the_same_ones_from_every_list(
    shop: Store, score_users: AddScores
) -> None:
    score_users(5_000)
    whole = select(shop, selection.top(5_000), control=CONTROL_OF_7)
    part = select(shop, selection.top(1_000), control=CONTROL_OF_7)
    assert 0.085 < 1 - whole.is_treated.mean() < 0.115
    assert np.array_equal(part.is_treated, whole.is_treated[:1_000])
    held_back = ~whole.is_treated
    drawn_anew = ~select(shop, selection.top(5_000), control=Control(seed=8)).is_treated
    assert (held_back & drawn_anew).sum() < 0.2 * held_back.sum()
    assert select(shop, selection.top(50), control=Control(seed=7, share=0.0)).is_treated.all()


def test_a_shop_without_scores_is_told_what_to_do(shop: Store, score_users: AddScores) -> None:
    with pytest.raises(NoScores, match="propensity score"):
        select(shop, selection.top(5), control=CONTROL_OF_7)
    score_users(3)
    with pytest.raises(NoScores, match="at 9"):
        select(shop, selection.top(5), control=CONTROL_OF_7, cutoff=9)


def test_both_arms_are_recorded(shop: Store, score_users: AddScores) -> None:
    score_users(300)
    made, new = record(shop)
    contacts = [one for chunk in shop.contacts.scan(made.list_id) for one in chunk]
    arms = [one.arm for one in contacts]
    assert (new, len(contacts)) == (100, 100)
    assert (arms.count(TREATED), arms.count(CONTROL)) == (made.treated, made.control)
    assert made.control > 0
    assert shop.contacts.lists(5) == [made]
    assert made.expected_buyers == pytest.approx(
        sum(one.probability for one in contacts if one.arm == TREATED)
    )
    assert shop.contacts.users(TREATED, since=5, until=6) == {
        one.user_id for one in contacts if one.arm == TREATED
    }


def test_the_same_list_exported_twice_records_nothing_new(shop: Store, score_users: AddScores) -> None:
    score_users(300)
    first = record(shop, at=5)
    again = record(shop, at=9)
    assert again == target_list.Recorded(first.target_list, 0)
    assert len(shop.ledger.latest(9, "export")) == 1
    assert shop.contacts.lists(9) == [first.target_list]


def test_a_list_that_was_cut_short_is_finished_by_the_next_run(shop: Store, score_users: AddScores) -> None:
    score_users(300)
    made = record(shop, name="other").target_list
    chosen = select(shop, selection.top(100), control=CONTROL_OF_7)
    list_id = target_list.identity(chosen, name="spring")
    part = [one for chunk in shop.contacts.scan(made.list_id) for one in chunk][:40]
    shop.contacts.add(msgspec.structs.replace(one, list_id=list_id) for one in part)
    finished = record(shop)
    assert (finished.new, finished.target_list.list_id) == (60, list_id)


def test_another_name_rule_or_draw_is_another_list(shop: Store, score_users: AddScores) -> None:
    score_users(300)
    chosen = select(shop, selection.top(100), control=CONTROL_OF_7)
    others = [
        select(shop, selection.top(99), control=CONTROL_OF_7),
        select(shop, selection.top(100), control=Control(seed=8)),
        select(shop, selection.top(100), control=Control(seed=7, share=0.2)),
    ]
    ids = {target_list.identity(one, name="spring") for one in (chosen, *others)}
    assert len(ids | {target_list.identity(chosen, name="summer")}) == 5


def test_who_exported_a_list_stands_in_the_ledger(shop: Store, score_users: AddScores) -> None:
    score_users(30)
    made = record(shop).target_list
    [entry] = shop.ledger.latest(1, "export")
    assert entry.reason == "ann exported the list 'spring': top 100 by probability."
    assert (entry.subject, entry.state) == (made.list_id, "done")
    assert entry.evidence == {"treated": made.treated, "control": made.control, "actor": "ann"}


def test_only_the_treated_leave_the_house(shop: Store, score_users: AddScores) -> None:
    score_users(300)
    chosen = select(shop, selection.top(100), control=CONTROL_OF_7)
    made = record(shop).target_list
    treated = {user for user, is_treated in zip(chosen.users, chosen.is_treated, strict=True) if is_treated}
    for lines in (list(target_list.csv_of(chosen)), list(target_list.csv_again(shop, made.list_id))):
        assert lines[0] == '"user_id","probability"\r\n'
        assert {line.split(",")[0].strip('"') for line in lines[1:]} == treated
        assert len(lines) == 1 + made.treated
