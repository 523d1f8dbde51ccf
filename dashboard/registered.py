"""What the pages read of the registry: versions, their bundles, and the tables that their trainings logged."""

import contextlib
import io
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from dashboard.connections import registry, store
from dashboard.reading import A_WHILE, LONG, bundle, champion, champion_number
from propensity.bundle import Bundle, ModelDocument
from propensity.errors import BrokenBundle, RegistryUnavailable, StoreUnavailable, VersionNotFound
from propensity.lifecycle.champion import bundle_of

if TYPE_CHECKING:
    from propensity.registry import Version

MOST_VERSIONS: Final = 200
TABLES: Final = {
    "curves.csv": ("curve", "scorer", "x", "y"),
    "calibration.csv": ("rows", "said", "happened"),
    "importances.csv": ("feature", "importance", "spread"),
}
"""What a training logs, with the columns that are drawn."""


def document_of(number: str) -> ModelDocument | None:
    """Return what a version's numbers mean; None where nobody who could say so is there."""
    known = champion()
    if known is not None and known.version == number:
        return bundle(known.digest).document
    try:
        return bundle_of_version(version(number)).document
    except (RegistryUnavailable, VersionNotFound):
        return None


@st.cache_data(ttl=A_WHILE, show_spinner=False)
def _newest_versions() -> "list[Version]":
    return registry().versions(MOST_VERSIONS)


@st.cache_data(ttl=LONG, max_entries=50, show_spinner=False)
def version(number: str) -> "Version":
    """Return one version, however old; VersionNotFound where there is none."""
    return registry().version(number)


def versions() -> "list[Version]":
    """Return the newest versions of the registry, and the champion's however old it is."""
    newest, number = _newest_versions(), champion_number()
    if number is None or any(one.number == number for one in newest):
        return newest
    with contextlib.suppress(VersionNotFound):  # the registry was begun anew
        return [*newest, version(number)]
    return newest


def bundle_of_version(version: "Version") -> Bundle:
    """Return a version's bundle: from the store where it was promoted once, else from the registry."""
    return _bundle_of_version(version.digest, version)


@st.cache_resource(max_entries=4, show_spinner="Fetching the version …")
def _bundle_of_version(digest: str, _version: "Version") -> Bundle:
    with contextlib.suppress(StoreUnavailable, BrokenBundle):
        return bundle_of(store(), digest)
    return registry().bundle(_version)


def table(version: "Version", name: str) -> pd.DataFrame | None:
    """Return a table that the training of a version logged, or None where it did not."""
    return _table(version.run_id, name, version)


@st.cache_data(ttl=LONG, max_entries=40, show_spinner="Fetching the training's tables …")
def _table(run_id: str, name: str, _version: "Version") -> pd.DataFrame | None:
    del run_id  # the key; a version itself is none
    content = registry().artifact(_version, name)
    if content is None:
        return None
    try:
        return pd.read_csv(io.BytesIO(content))[list(TABLES[name])]
    except (
        ValueError,
        KeyError,
    ) as error:  # pandas' own for an empty file, a broken row and another encoding are ValueErrors
        raise BrokenBundle(
            f"{name} of version {_version.number} can't be read. Train again, or restore the registry's artefacts."
        ) from error
