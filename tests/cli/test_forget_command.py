"""`propensity forget` on what `make demo` takes in: the user is nowhere, and the same log does not bring the user back."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from bentos.scorer.spool import Spool
from propensity.cli import data, operation, privacy, simulated, state
from propensity.lifecycle.erasure import Erasure
from propensity.lifecycle.learned import Learned
from propensity.settings import Settings
from propensity.store import LedgerEntry, Prediction, Score, Store, open_store

MONGO = "PROPENSITY_TEST_MONGO_URI"


@pytest.fixture(scope="module")
def demo_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log that `make demo` writes, of a tenth of its shoppers and a third of its days."""
    path = tmp_path_factory.mktemp("demo") / "simulated.csv"
    done = CliRunner().invoke(simulated.simulate, [str(path), "--users", "400", "--days", "20"])
    assert done.exit_code == 0, done.output
    return path


@pytest.fixture(params=["sqlite", "mongo"])
def uri(request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty store, which commands are told by the environment."""
    monkeypatch.setenv("PROPENSITY_HOME", str(settings.home))
    if request.param == "sqlite":
        yield settings.store_uri.get_secret_value()
        return
    server = os.environ.get(MONGO)
    if not server:
        pytest.skip(f"set {MONGO} to a server's mongodb:// address")
    import pymongo

    name = f"test_{uuid.uuid4().hex}"
    monkeypatch.setenv("PROPENSITY_STORE_URI", f"{server.rstrip('/')}/{name}")
    try:
        yield f"{server.rstrip('/')}/{name}"
    finally:
        with pymongo.MongoClient[dict[str, object]](server) as client:
            client.drop_database(name)


def run(command: object, *arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(command, list(arguments), input=answer)  # type: ignore[arg-type]


def kept(uri: str) -> bytes:
    """Return every byte that a store keeps."""
    if uri.startswith("sqlite"):
        path = Path(uri.removeprefix("sqlite:///"))
        return b"".join(one.read_bytes() for one in sorted(path.parent.glob(f"{path.name}*")))
    import pymongo

    server, _, name = uri.rpartition("/")
    with pymongo.MongoClient[dict[str, object]](server) as client:
        found = (one for each in client[name].list_collection_names() for one in client[name][each].find())
        return "\n".join(map(str, found)).encode()


def busiest(store: Store) -> str:
    chunks = store.events.scan(since=0, until=2**62, chunk_rows=1)
    return max((len(part), part[0].user_id) for part in chunks)[1]


def test_the_demos_log_taken_in_again_does_not_bring_the_user_back(uri: str, demo_log: Path) -> None:
    assert run(data.ingest, str(demo_log), "--format", "propensity").exit_code == 0
    with open_store(uri) as store:
        user = busiest(store)
        events = store.events.summary().events
        store.scores.add(
            [
                Score(
                    user_id=name, cutoff=7, probability=0.5, prediction=1, model_version="1", feature_version=1,
                    features=b"",
                )
                for name in (user, f"{user}0")
            ]
        )  # fmt: skip
    assert user.encode() in kept(uri)
    done = run(privacy.forget, user, "--reason", f"{user} asked by letter", "--yes")
    assert done.exit_code == 0, done.output
    assert "1 in scores" in done.output
    with open_store(uri) as store:
        gone = events - store.events.summary().events
        assert f"{gone:,} in events" in done.output
        assert gone > 0
    # the same file; the same rows under another name, whose ids are others; both are offered in full
    assert run(data.ingest, str(demo_log), "--format", "propensity", "--allow-unchanged").exit_code == 0
    again = run(
        data.ingest, str(demo_log), "--format", "propensity", "--source", "renamed", "--allow-unchanged"
    )
    assert again.exit_code == 0, again.output
    assert f"{gone:,} x forgotten" in again.output
    with open_store(uri) as store:
        assert store.forgotten.find(user) == {}
        assert store.events.summary().events >= events - gone
        left = kept(uri).replace(f"{user}0".encode(), b"")
        assert user.encode() not in left
    entry = run(state.ledger, "--audit").output
    assert "erasure" in entry
    assert user not in entry
    assert ", by " in entry


def test_what_a_stopped_service_left_waiting_on_the_disk_is_cleared_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROPENSITY_HOME", str(settings.home))
    folder = Path(settings.spool_path)
    spool = Spool(folder, boot="b", max_bytes=1_000_000)
    waiting = Prediction(
        prediction_id="p", user_id="ann@x.com", predicted_at=1, probability=0.5, prediction=1, threshold=0.5,
        model_version="1", features_from="store", feature_version=1, features=b"", latency_us=1, pod="p", sequence=1,
        boot="b", route="predict",
    )  # fmt: skip
    spool.append([waiting, msgspec.structs.replace(waiting, prediction_id="q", user_id="bob")])
    spool.seal()
    done = run(privacy.forget, "ann@x.com", "--reason", "r", "--yes")
    assert done.exit_code == 0, done.output
    left = b"".join(path.read_bytes() for path in folder.iterdir())
    assert (b"ann@x.com" in left, b"bob" in left) == (False, True)


def test_it_says_which_trainings_are_under_way_and_of_which_versions_nobody_can_tell() -> None:
    entry = LedgerEntry(
        sequence=7, kind="erasure", state="done", at=1, updated_at=1, reason="r", subject="6b1f"
    )
    said = "\n".join(privacy.erasure_lines(Erasure(entry, {"events": 3}, Learned(["4"], [9], ["2", "1"]))))
    assert "may have been trained with this user: 4." in said
    assert "Training 9, under way," in said
    assert "cannot be told of versions 2, 1:" in said


def test_it_asks_first_and_says_what_there_is(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPENSITY_HOME", str(settings.home))
    log = settings.home / "log.csv"
    settings.home.mkdir(parents=True)
    log.write_text("event_id,user_id,event_type,event_time\ne1,ann,view,2026-03-01T00:00:00Z\n")
    assert run(data.ingest, str(log)).exit_code == 0
    done = run(privacy.forget, "ann", "--reason", "r", answer="n\n")
    assert done.exit_code == 1
    assert "There is 1 in events of this user." in done.output
    with open_store(settings.store_uri.get_secret_value()) as store:
        assert store.events.knows("ann")
        assert not store.forgotten.current().marks
    done = run(privacy.forget, " ann ", "--reason", "r", answer="y\n")
    assert done.exit_code == 0
    assert "Erased: 1 in events" in done.output
    assert "30 seconds" in done.output
    assert "No version that the ledger knows was trained with this user." in done.output
    assert "Erased: nothing" in run(privacy.forget, "ann", "--reason", "r", "--yes").output


@pytest.mark.parametrize("bad", ["", "  ", "x" * 129, "a\nb", "a\x00b"])
def test_what_can_be_no_id_is_refused(bad: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPENSITY_HOME", str(settings.home))
    done = run(privacy.forget, bad, "--reason", "r", "--yes")
    assert done.exit_code == 2
    assert "no control characters" in done.output
    assert not settings.home.exists()


def test_a_reason_is_needed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPENSITY_HOME", str(settings.home))
    assert run(privacy.forget, "ann", "--yes").exit_code == 2


def test_the_audit_names_who_asked_and_leaves_out_what_nobody_did(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROPENSITY_HOME", str(settings.home))
    monkeypatch.setenv("LOGNAME", "ann")
    monkeypatch.setenv("PROPENSITY_PLATFORM", "kubernetes")  # nobody carries it out here
    assert "Nobody has asked" in run(state.ledger, "--audit").output
    with open_store(settings.store_uri.get_secret_value()) as store:
        store.ledger.claim(kind="decision", state="not needed", at=1, reason="all is well")
        store.ledger.claim(kind="training", state="done", at=2, reason="drift", key="training:1")
    assert run(operation.retrain, "--reason", "the summer collection").exit_code == 0
    lines = run(state.ledger, "--audit").output.splitlines()
    assert len(lines) == 1
    assert "request: asked, by ann at " in lines[0]
    assert lines[0].endswith("the summer collection")
    assert len(run(state.ledger).output.splitlines()) == 3
