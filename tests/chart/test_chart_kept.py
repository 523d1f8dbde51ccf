"""Secrets that an earlier install left, as helm finds them on a real API server: kept, and in step with each other."""

import base64
import hashlib
import json
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.chart.live import Release, owned_namespace
from tests.chart.rendering import Rendered, template

Looking = Callable[..., Rendered]
STORE, KEY, KEYS = "shop-propensity-mongodb", "shop-propensity-api-key", "shop-propensity-api-keys"
PAGES = "shop-propensity-dashboard"


@pytest.fixture(scope="module")
def emptied(helms: dict[str, str]) -> Iterator[Release]:
    """A namespace in which nothing is."""
    assert helms
    with owned_namespace(f"kept-{uuid.uuid4().hex[:8]}") as made:
        yield made


@pytest.fixture
def left(emptied: Release) -> Iterator[Release]:
    """A namespace in which nothing is but what a test puts there."""
    yield emptied
    emptied.kubectl("delete", "secret", STORE, KEY, KEYS, PAGES, "--ignore-not-found")


@pytest.fixture
def looking(left: Release, helms: dict[str, str]) -> Looking:
    """A function of value assignments that renders with what is in that namespace."""

    def function(*assignments: str) -> Rendered:
        given = [option for assignment in assignments for option in ("--set", assignment)]
        asking = template.__wrapped__  # what is there changes, so no answer is kept
        return asking(helms[max(helms)], "--namespace", left.namespace, "--dry-run=server", *given)

    return function


def keep(left: Release, name: str, entries: dict[str, str]) -> None:
    """Put a Secret there as an uninstall of the release leaves it."""
    owner = {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": left.namespace}
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    metadata = {"name": name, "labels": labels, "annotations": owner}
    given = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": entries}
    done = left.kubectl("create", "--filename=-", given=given)
    assert done.returncode == 0, done.stderr


def read(rendered: Rendered, name: str) -> dict[str, str]:
    (secret,) = [one for one in rendered.of("Secret") if one["metadata"]["name"] == name]
    return {key: base64.b64decode(text).decode() for key, text in secret["data"].items()}


def made(rendered: Rendered) -> set[str]:
    """The Secrets that would be written; all others stay as they are."""
    return {one["metadata"]["name"] for one in rendered.of("Secret")}


def test_the_password_of_a_kept_volume_is_taken_up_again(left: Release, looking: Looking) -> None:
    keep(left, STORE, {"password": "old"})
    assert read(looking(), STORE)["uri"].startswith("mongodb://propensity:old@shop-propensity-mongodb:")


def test_a_password_of_ones_own_is_escaped_in_the_address(left: Release, looking: Looking) -> None:
    keep(left, STORE, {"password": "p@ss/w:rd"})
    assert "://propensity:p%40ss%2Fw%3Ard@" in read(looking(), STORE)["uri"]


def test_an_address_outside_leaves_the_volumes_password_alone(left: Release, looking: Looking) -> None:
    keep(left, STORE, {"username": "propensity", "password": "old", "uri": "mongodb://inside"})
    outside = (
        "mongodb.internal=false",
        "mongodb.uri=mongodb://db.example.com/shop",
        "training.data.kind=none",
    )
    assert STORE not in made(looking(*outside))


OWN = "mongodb://scorer:own@shop-propensity-mongodb:27017/propensity?authSource=propensity"


def test_an_address_with_a_user_of_fewer_rights_is_kept(left: Release, looking: Looking) -> None:
    keep(left, STORE, {"username": "propensity", "password": "old", "uri": OWN})
    assert STORE not in made(looking())


def test_an_address_outside_gives_way_to_the_one_inside(left: Release, looking: Looking) -> None:
    keep(left, STORE, {"username": "propensity", "password": "old", "uri": "mongodb://db.example.com/shop"})
    assert read(looking(), STORE)["uri"].startswith("mongodb://propensity:old@shop-propensity-mongodb:")


RECORD = {"name": "app", "sha256": "0" * 64, "scopes": ["read"]}


def test_keys_added_and_removed_by_hand_stay_so(left: Release, looking: Looking) -> None:
    keep(left, KEY, {"api-key": "ppk_given_up"})
    keep(left, KEYS, {"keys.json": json.dumps([RECORD])})
    assert not {KEY, KEYS} & made(looking())


def test_a_first_key_that_was_taken_away_stays_away(left: Release, looking: Looking) -> None:
    keep(left, KEYS, {"keys.json": json.dumps([RECORD])})
    assert not {KEY, KEYS} & made(looking())


def test_a_lost_list_of_keys_is_made_again_for_the_key_that_is_there(left: Release, looking: Looking) -> None:
    keep(left, KEY, {"api-key": "ppk_known"})
    rendered = looking()
    assert KEY not in made(rendered)
    (record,) = json.loads(read(rendered, KEYS)["keys.json"])
    assert record["sha256"] == hashlib.sha256(b"ppk_known").hexdigest()


def test_passwords_of_the_dashboard_stay_and_one_taken_away_stays_away(
    left: Release, looking: Looking
) -> None:
    keep(left, PAGES, {"operator": "chosen"})
    assert PAGES not in made(looking())
