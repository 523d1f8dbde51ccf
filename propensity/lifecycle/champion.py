"""The champion as serving knows it: from the store alone, so that it needs no registry."""

from propensity.bundle import Bundle
from propensity.errors import BrokenBundle, NoChampion
from propensity.store import Champion, Store


def champion_of(store: Store) -> Champion:
    """Return the store's record of the model in production; NoChampion where there is none."""
    champion = store.champion()
    if champion is None:
        raise NoChampion("No model is in production. Train one with `propensity train`.")
    return champion


def bundle_of(store: Store, digest: str) -> Bundle:
    """Fetch a bundle by its digest; BrokenBundle where it is missing or is another."""
    files = store.bundles.get(digest)
    if files is None:
        raise BrokenBundle(
            f"The store has no bundle {digest}. Promote its version again: `propensity promote VERSION`."
        )
    bundle = Bundle(files)
    bundle.expect(digest)
    return bundle
