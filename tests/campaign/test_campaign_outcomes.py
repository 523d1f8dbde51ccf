"""Outcomes by score leave out whom a campaign touched."""

from propensity.campaign.outcomes import newest_outcomes, untreated_outcomes
from propensity.events.event import DAY, HOUR
from propensity.store import Contact, Outcome, Store

CUTOFF = 1_700_000_000_000_000


def add_outcome(store: Store, user: str, *, label: int, probability: float, cutoff: int = CUTOFF) -> None:
    store.outcomes.add(
        [
            Outcome(
                user_id=user, cutoff=cutoff, label=label, probability=probability, prediction=1, model_version="3",
                joined_at=cutoff + 2 * DAY,
            )
        ]
    )  # fmt: skip


def list_user(store: Store, user: str, *, at: int, arm: str = "treated") -> None:
    store.contacts.add([Contact(list_id=f"{user}{at}", user_id=user, arm=arm, probability=0.5, listed_at=at)])


def test_users_contacted_around_the_cutoff_are_left_out(shop: Store) -> None:
    for number, user in enumerate(("ann", "bob", "cid", "dan", "eve")):
        add_outcome(shop, user, label=number % 2, probability=number / 10)
    list_user(shop, "ann", at=CUTOFF - 6 * DAY)
    list_user(shop, "bob", at=CUTOFF + 23 * HOUR)
    list_user(shop, "cid", at=CUTOFF - 8 * DAY)
    list_user(shop, "dan", at=CUTOFF, arm="control")
    found = untreated_outcomes(shop, CUTOFF)
    assert found.probabilities.tolist() == [0.2, 0.3, 0.4]
    assert found.bought.tolist() == [False, True, False]
    assert found.left_out == 2


def test_the_newest_joined_outcomes_are_found(shop: Store) -> None:
    assert newest_outcomes(shop, until=CUTOFF) is None
    for days in (1, 3, 50):
        add_outcome(shop, "ann", label=0, probability=0.5, cutoff=CUTOFF - days * DAY)
    assert newest_outcomes(shop, until=CUTOFF) == CUTOFF - DAY
    assert newest_outcomes(shop, until=CUTOFF - 2 * DAY) == CUTOFF - 3 * DAY
    assert newest_outcomes(shop, until=CUTOFF - 4 * DAY) is None
