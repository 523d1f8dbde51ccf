"""Secrets that the chart drew stay what people made of them, whatever helm does with the release afterwards."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chart.installing import Installed, empty_place
from tests.chart.rendering import CHART, find_helms

MADE = {f"shop-propensity-{name}" for name in ("mongodb", "api-key", "api-keys", "dashboard")}
STORE, KEYS, PAGES = "shop-propensity-mongodb", "shop-propensity-api-keys", "shop-propensity-dashboard"
ROTATED = {"keys.json": json.dumps([{"name": "app", "sha256": "1" * 64, "scopes": ["predict"]}])}


@pytest.fixture(params=["v3", "v4"])
def shop(request: pytest.FixtureRequest) -> Iterator[Installed]:
    """An empty namespace and one of the helms."""
    helm = find_helms().get(request.param)
    if helm is None:
        pytest.skip(f"There is no Helm {request.param[1:]} here. Install it, or set CLUSTER_KIT.")
    with empty_place(helm) as made:
        yield made


def rotate(shop: Installed) -> dict[str, dict[str, str]]:
    """Revoke the first key and change every password; what the Secrets hold then."""
    uri = "mongodb://app:own@shop-propensity-mongodb:27017/propensity?authSource=admin"
    shop.patch(KEYS, ROTATED)
    shop.patch(STORE, {"password": "changed", "uri": uri})
    shop.patch(PAGES, {"operator": "changed"})
    return shop.secrets()


def test_a_rollback_brings_no_revoked_key_and_no_old_password_back(shop: Installed) -> None:
    shop.put("install")
    assert shop.secrets().keys() == MADE
    rotated = rotate(shop)
    shop.put("upgrade", "settings.seed=8")
    assert shop.secrets() == rotated
    shop.run("rollback", "shop", "1")
    assert shop.secrets() == rotated
    assert "kind: Secret" not in shop.run("get", "manifest", "shop")


def test_an_uninstall_leaves_them_and_another_install_takes_them_up(shop: Installed) -> None:
    shop.put("install")
    rotated = rotate(shop)
    shop.run("uninstall", "shop")
    assert shop.secrets() == rotated
    shop.put("install")
    assert shop.secrets() == rotated


def test_a_release_whose_manifest_held_them_keeps_them_at_its_upgrade(
    shop: Installed, tmp_path: Path
) -> None:
    before = tmp_path / "propensity"
    shutil.copytree(CHART, before)
    secret = before / "templates" / "_secrets.tpl"
    told = secret.read_text()
    secret.write_text("\n".join(line for line in told.splitlines() if "helm.sh/hook" not in line))
    shop.put("install", chart=before)
    assert "kind: Secret" in shop.run("get", "manifest", "shop")
    rotated = rotate(shop)
    shop.put("upgrade")
    assert shop.secrets() == rotated
    shop.put("upgrade", "settings.seed=8")
    shop.run("rollback", "shop", "2")
    assert shop.secrets() == rotated


def test_an_entry_that_is_missing_is_added_and_the_others_stay(shop: Installed) -> None:
    data = {"password": "old", "note": "mine"}
    given = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": STORE}, "stringData": data}
    assert shop.place.kubectl("create", "--filename=-", given=given).returncode == 0
    shop.put("install")
    assert shop.secrets()[STORE] == {
        "note": "mine", "username": "propensity", "password": "old",
        "uri": "mongodb://propensity:old@shop-propensity-mongodb:27017/propensity?authSource=admin",
    }  # fmt: skip


def test_an_address_outside_comes_and_goes_with_the_release(shop: Installed) -> None:
    shop.put("install")
    inside, secrets = shop.store_address(), shop.secrets()
    outside = ("mongodb.internal=false", "training.data.kind=none")
    for address in ("mongodb://db.example.com/shop", "mongodb://other.example.com/shop"):
        shop.put("upgrade", *outside, f"mongodb.uri={address}")
        assert shop.store_address()["value"] == address
    shop.run("rollback", "shop", "2")
    assert shop.store_address()["value"] == "mongodb://db.example.com/shop"
    shop.run("rollback", "shop", "1")
    assert shop.store_address() == inside
    assert shop.secrets() == secrets
