"""What every store promises of target lists and their contacts, and of the ranking they are chosen from."""

import msgspec
import pytest

from propensity.store import Contact, Ranked, Score, Store, TargetList

LIST = TargetList(
    list_id="a", name="spring", created_at=2**50, created_by="ann", cutoff=100, model_version="3", rule="top 2",
    control_share=0.1, seed=7, treated=1, control=1, expected_buyers=0.75,
)  # fmt: skip


def contact(user_id: str, *, list_id: str = "a", arm: str = "treated", at: int = 10) -> Contact:
    return Contact(list_id=list_id, user_id=user_id, arm=arm, probability=0.25, listed_at=at)


def target_list(list_id: str, *, created_at: int = 2**50) -> TargetList:
    return msgspec.structs.replace(LIST, list_id=list_id, created_at=created_at)


def test_the_first_record_of_a_list_stays(store: Store) -> None:
    assert store.contacts.get_list("a") is None
    assert store.contacts.add_list(LIST)
    assert not store.contacts.add_list(msgspec.structs.replace(LIST, name="another"))
    assert store.contacts.get_list("a") == LIST


def test_lists_are_read_newest_first(store: Store) -> None:
    for name, at in (("a", 5), ("c", 5), ("b", 9)):
        store.contacts.add_list(target_list(name, created_at=at))
    assert [one.list_id for one in store.contacts.lists(9)] == ["b", "c", "a"]
    assert [one.list_id for one in store.contacts.lists(1)] == ["b"]
    assert store.contacts.lists(0) == []


def test_the_first_contact_of_a_list_and_user_stays(store: Store) -> None:
    assert store.contacts.add(iter([contact("ann"), contact("bob"), contact("ann", list_id="b")])) == 3
    assert store.contacts.add([contact("ann", arm="control", at=99), contact("cid")]) == 1
    assert list(store.contacts.scan("a")) == [[contact("ann"), contact("bob"), contact("cid")]]


def test_contacts_of_a_list_are_scanned_by_user_in_chunks(store: Store) -> None:
    users = ["b", "B", "é", "日本", "a", "aa", ":", "", "\U0001f600"]
    store.contacts.add([contact(user, list_id=name) for user in users for name in ("a", "ab", "a0")])
    ordered = sorted(users, key=str.encode)
    assert [[one.user_id for one in chunk] for chunk in store.contacts.scan("a", chunk_rows=4)] == [
        ordered[:4], ordered[4:8], ordered[8:],
    ]  # fmt: skip
    assert list(store.contacts.scan("x")) == []


def test_the_users_of_an_arm_are_found_by_time(store: Store) -> None:
    store.contacts.add(
        [
            contact("early", at=9), contact("first", at=10), contact("late", at=20),
            contact("held", arm="control", at=15), contact("first", list_id="b", at=12),
        ]
    )  # fmt: skip
    assert store.contacts.users("treated", since=10, until=20) == {"first"}
    assert store.contacts.users("control", since=0, until=99) == {"held"}


@pytest.mark.parametrize("chunk_rows", [1, 2, 50])
def test_scores_are_ranked_in_chunks_as_top_ranks_them(store: Store, chunk_rows: int) -> None:
    chances = {"d": 0.5, "b": 0.9, "c": 0.5, "a": 0.1}
    for cutoff in (100, 200):
        store.scores.add(
            Score(
                user_id=user, cutoff=cutoff, probability=chance, prediction=1, model_version="3",
                feature_version=1, features=b"",
            )
            for user, chance in chances.items()
        )  # fmt: skip
    chunks = list(store.scores.ranked(100, chunk_rows=chunk_rows))
    assert max(map(len, chunks)) <= chunk_rows
    assert [one for chunk in chunks for one in chunk] == [
        Ranked("b", 0.9), Ranked("c", 0.5), Ranked("d", 0.5), Ranked("a", 0.1),
    ]  # fmt: skip
    assert list(store.scores.ranked(300)) == []
