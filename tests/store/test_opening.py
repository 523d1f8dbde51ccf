"""An address opens the store it names, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from propensity.errors import SettingsError
from propensity.store import open_store


@pytest.mark.parametrize(
    "uri", ["postgresql://u:s3cret@host/db", "store.db", "", "/var/s3cret", "SQLITE:///a"]
)
def test_an_address_of_no_store_is_refused_without_showing_it(uri: str) -> None:
    with pytest.raises(SettingsError, match="PROPENSITY_STORE_URI") as caught:
        open_store(uri)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["sqlite:///", "sqlite:///:memory:"])
def test_an_address_of_no_file_is_refused(uri: str) -> None:
    with pytest.raises(SettingsError, match="names no file"):
        open_store(uri)


def test_opening_makes_nothing_before_the_first_use(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/folder/store.db") as store:
        assert not (tmp_path / "folder").exists()
        store.ping()
        assert (tmp_path / "folder" / "store.db").exists()


def test_a_relative_path_is_taken_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store("sqlite:///here/store.db") as store:
        store.ping()
    assert (tmp_path / "here" / "store.db").exists()


def test_sqlite_users_never_import_pymongo(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom propensity.store import open_store\n"
        f"with open_store('sqlite:///{tmp_path}/store.db') as store: store.ping()\n"
        "sys.exit(any(name.split('.')[0] in ('pymongo', 'bson') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
