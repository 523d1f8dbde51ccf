"""Two versions in one pod: the challenger in a process of its own that hangs, dies or answers nonsense, and harms nobody."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bentos.scorer import contests as contests_module
from bentos.scorer.assembly import Assembly
from bentos.scorer.challenger import challenger as challenger_module
from bentos.scorer.challenger import child as child_module
from bentos.scorer.challenger import shadows as shadows_module
from bentos.scorer.challenger.challenger import Challenger
from bentos.scorer.challenger.child import Child
from bentos.scorer.contest import Contest
from bentos.scorer.measures import exposition
from propensity.bundle import Bundle
from propensity.experiment.split import ExperimentSplit
from propensity.features.definition import NAMES
from propensity.model import Model
from propensity.settings import Settings, read_settings
from propensity.store import Experiment, Store, Trial
from tests.lifecycle.conftest import hungry_bundle, unsound_bundle
from tests.scorer.conftest import Caller, is_running, make_bundle, put_in_production, run_parts, wait_for

NUMBER, SEED = 5, 11
CHAMPION, CHALLENGER = "7", "8"


class Pod:
    """A scorer's parts with an experiment that a test begins, changes and ends."""

    def __init__(self, assembly: Assembly, store: Store, champion: Bundle, values: dict[str, float]) -> None:
        self.assembly, self.store, self.champion, self.values = assembly, store, champion, values
        self.ask = Caller(assembly)

    def begin(self, challenger: Bundle, mode: str, *, share: float = 0.5, number: int = NUMBER) -> None:
        self.store.bundles.put(challenger.digest, challenger.files)
        experiment = Experiment(
            number=number,
            mode=mode,  # type: ignore[arg-type]
            challenger=f"{CHALLENGER}@{challenger.digest}",
            champion=f"{CHAMPION}@{self.champion.digest}",
            seed=SEED,
            share=share,
            started_at=1,
            stage_at=1,
        )
        self.store.experiments.set_current(experiment)

    def change(self, **changed: Any) -> None:
        experiment = self.store.experiments.current()
        assert experiment is not None
        self.store.experiments.set_current(msgspec.structs.replace(experiment, **changed))
        wait_for(lambda: self.contest.experiment == self.store.experiments.current())

    @property
    def contest(self) -> Contest:
        found: Contest = wait_for(lambda: self.assembly.contests.current)
        return found

    @property
    def challenger(self) -> Challenger:
        return self.contest._answering._challenger

    @property
    def child(self) -> Child:
        found: Child = wait_for(lambda: self.challenger.child, seconds=60)
        return found

    @property
    def trial(self) -> Trial:
        found: Trial = wait_for(lambda: self.store.experiments.trials(NUMBER))[0]
        return found

    def predict(self, user: str, **values: float) -> dict[str, Any]:
        response = self.ask("POST", "/predict", json={"user_id": user, **self.values, **values})
        assert response.status_code == 200
        return dict(response.json())

    def batch(self, users: list[str]) -> list[dict[str, Any]]:
        asked = [{"user_id": user, **self.values} for user in users]
        response = self.ask("POST", "/predict/batch", json={"users": asked})
        assert response.status_code == 200
        return list(response.json()["predictions"])


@pytest.fixture
def pod(
    settings: Settings,
    store: Store,
    bundle: Bundle,
    every_feature: dict[str, float],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Pod]:
    monkeypatch.setattr(contests_module, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(shadows_module, "ROUND_SECONDS", 0.02)
    monkeypatch.setattr(challenger_module, "PAUSE_SECONDS", 0.02)
    patient = read_settings(home=settings.home, experiment_deadline_ms=1_000)
    with run_parts(patient) as assembly:
        assembly.keeper.ready(wait_seconds=10)
        yield Pod(assembly, store, bundle, every_feature)


def side(user: str, share: float = 0.5) -> str:
    return ExperimentSplit(share=share, seed=SEED).side(user)


def users_of(arm: str, count: int) -> list[str]:
    return [user for user in (f"u{number}" for number in range(1_000)) if side(user) == arm][:count]


def test_without_an_experiment_an_answer_names_no_arm(pod: Pod) -> None:
    assert "arm" not in pod.predict("ann")
    assert pod.assembly.contests.current is None
    (logged,) = wait_for(lambda: pod.store.predictions.latest(1))
    assert logged.arm is None


def test_a_shadow_answers_copies_that_no_reader_takes_for_answers(pod: Pod, other_bundle: Bundle) -> None:
    before = [pod.predict(f"u{number}", cart_count=number) for number in range(20)]
    pod.begin(other_bundle, "shadow", share=0)
    assert pod.contest.tally.mode == "shadow"
    answers = [pod.predict(f"u{number}", cart_count=number) for number in range(20)]
    answers += pod.batch(["u20", "u21"])
    for answer in (*before, *answers):
        assert answer["model_version"] == CHAMPION
        assert "arm" not in answer
    assert [one["probability"] for one in before] == [one["probability"] for one in answers[:20]]

    wait_for(lambda: pod.store.shadows.count() == 22, seconds=60)
    wait_for(lambda: pod.store.predictions.count() == 42)
    model = Model(other_bundle)
    by_id = {answer["prediction_id"]: answer for answer in answers}
    for shadow in pod.store.shadows.latest(100):
        assert (shadow.route, shadow.model_version, shadow.arm) == ("shadow", CHALLENGER, None)
        assert by_id[shadow.prediction_id]["user_id"] == shadow.user_id
        row = msgspec.structs.replace(shadow)
        (own,) = model.probabilities(_rows(row.features, other_bundle))
        assert shadow.probability == pytest.approx(float(own), abs=1e-6)
    assert {one.model_version for one in pod.store.predictions.latest(100)} == {CHAMPION}
    wait_for(lambda: pod.trial.answered == 22)
    assert (pod.trial.failed, pod.trial.unsound, pod.trial.given_up) == (0, 0, "")


def _rows(packed: bytes, bundle: Bundle) -> Any:
    import numpy as np

    table = np.frombuffer(packed, dtype="<f4").reshape(1, -1)
    return np.ascontiguousarray(table[:, [NAMES.index(name) for name in bundle.document.features]])


@pytest.mark.parametrize("mode", ["ab", "canary"])
def test_each_user_is_answered_by_the_side_that_the_split_says(
    pod: Pod, other_bundle: Bundle, mode: str
) -> None:
    pod.begin(other_bundle, mode)
    assert pod.child
    users = [f"u{number}" for number in range(40)]
    for answer in [*map(pod.predict, users), *pod.batch(users)]:
        assert answer["arm"] == side(answer["user_id"])
        assert answer["model_version"] == {"champion": CHAMPION, "challenger": CHALLENGER}[answer["arm"]]
    wait_for(lambda: pod.store.predictions.count() == 80)
    assert {one.user_id for one in pod.store.predictions.of_arm("challenger", since=0, limit=100)} == {
        user for user in users if side(user) == "challenger"
    }
    single = pod.assembly.scoring.predict_now(
        msgspec.json.encode({"user_id": users_of("challenger", 1)[0], **pod.values}), wait_seconds=1
    )
    assert (single.arm, single.model_version) == ("challenger", CHALLENGER)


def test_a_larger_share_moves_users_without_starting_the_challenger_anew(
    pod: Pod, other_bundle: Bundle
) -> None:
    pod.begin(other_bundle, "canary", share=0.05)
    process = pod.child.pid
    users = [f"u{number}" for number in range(60)]
    for share in (0.05, 0.5, 0.0):
        pod.change(share=share, stage=1)
        arms = [pod.predict(user)["arm"] for user in users]
        assert arms == [side(user, share) for user in users]
    assert pod.child.pid == process


def test_an_experiment_that_is_over_leaves_no_process_behind(pod: Pod, other_bundle: Bundle) -> None:
    pod.begin(other_bundle, "ab")
    process = pod.child.pid
    pod.store.experiments.set_current(None)
    wait_for(lambda: pod.assembly.contests.current is None)
    wait_for(lambda: not Path(f"/proc/{process}").exists())
    assert "arm" not in pod.predict("u1")


def test_a_pod_that_serves_another_champion_leaves_the_experiment_alone(
    pod: Pod, other_bundle: Bundle
) -> None:
    pod.begin(other_bundle, "ab")
    process = pod.child.pid
    put_in_production(pod.store, make_bundle(seed=2), version="9")
    wait_for(lambda: pod.predict("u1")["model_version"] == "9")
    wait_for(lambda: pod.assembly.contests.current is None)
    assert "arm" not in pod.predict("u1")
    wait_for(lambda: not Path(f"/proc/{process}").exists())


def test_a_challenger_that_dies_is_started_anew_and_the_champion_answers_meanwhile(
    pod: Pod, other_bundle: Bundle
) -> None:
    pod.begin(other_bundle, "ab")
    (user,) = users_of("challenger", 1)
    first = pod.child.pid
    assert pod.predict(user)["model_version"] == CHALLENGER
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not is_running(first))
    answer = pod.predict(user)
    assert (answer["arm"], answer["model_version"]) == ("challenger", CHAMPION)
    wait_for(lambda: pod.challenger.child is not None and pod.child.pid != first, seconds=60)
    assert pod.predict(user)["model_version"] == CHALLENGER
    wait_for(lambda: pod.trial.deaths == 1)
    logged = wait_for(lambda: found if len(found := pod.store.predictions.latest(9)) == 3 else None)
    assert {one.arm for one in logged} == {"challenger"}
    assert sorted(one.model_version for one in logged) == [CHAMPION, CHALLENGER, CHALLENGER]


def test_a_challenger_that_dies_three_times_is_given_up(pod: Pod, other_bundle: Bundle) -> None:
    pod.begin(other_bundle, "ab")
    (user,) = users_of("challenger", 1)
    for _ in range(3):
        os.kill(pod.child.pid, signal.SIGKILL)
        wait_for(lambda: pod.challenger.child is None)
        assert pod.predict(user)["arm"] == "challenger"
    wait_for(lambda: pod.contest.tally.given_up)
    assert "3 times" in pod.contest.tally.given_up
    assert pod.predict(user)["model_version"] == CHAMPION
    wait_for(lambda: pod.trial.given_up == pod.contest.tally.given_up)
    assert (
        'scorer_challenger_given_up{experiment="5",mode="ab"} 1.0'
        in exposition(pod.assembly.measures).decode()
    )


def test_a_challenger_that_hangs_costs_its_users_the_deadline_and_nobody_else_anything(
    pod: Pod, other_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod.begin(other_bundle, "ab")
    process = pod.child.pid
    monkeypatch.setattr(pod.contest._answering, "_seconds", 0.1)
    monkeypatch.setattr(pod.challenger, "_patience", 0.5)
    os.kill(process, signal.SIGSTOP)
    (theirs,) = users_of("challenger", 1)
    answer = pod.predict(theirs)
    assert (answer["arm"], answer["model_version"]) == ("challenger", CHAMPION)
    assert pod.predict(users_of("champion", 1)[0])["model_version"] == CHAMPION
    assert [one["model_version"] for one in pod.batch([theirs])] == [CHAMPION]
    wait_for(lambda: not is_running(process))
    wait_for(lambda: pod.child.pid != process, seconds=60)
    assert pod.predict(theirs)["model_version"] == CHALLENGER


def test_a_shadow_that_hangs_drops_copies_and_slows_nobody(
    pod: Pod, other_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadows_module, "MAX_COPIES", 10)
    pod.begin(other_bundle, "shadow", share=0)
    os.kill(pod.child.pid, signal.SIGSTOP)
    answers = [pod.predict(f"u{number}") for number in range(30)]
    assert {answer["model_version"] for answer in answers} == {CHAMPION}
    wait_for(lambda: pod.trial.dropped >= 10)
    pod.store.experiments.set_current(None)
    wait_for(lambda: pod.assembly.contests.current is None)


def test_what_is_no_probability_is_answered_by_the_champion_and_counted(pod: Pod) -> None:
    pod.begin(unsound_bundle(), "ab", share=0.9)
    assert pod.child
    user = next(user for user in (f"u{number}" for number in range(99)) if side(user, 0.9) == "challenger")
    assert pod.predict(user, cart_count=1)["model_version"] == CHALLENGER
    answer = pod.predict(user, cart_count=0)
    assert (answer["arm"], answer["model_version"]) == ("challenger", CHAMPION)
    wait_for(lambda: pod.trial.unsound == 1)
    assert pod.trial.answered == 1


def test_a_shadow_that_is_no_probability_is_not_logged(pod: Pod) -> None:
    pod.begin(unsound_bundle(), "shadow", share=0)
    assert pod.child
    for number in range(4):
        assert pod.predict(f"u{number}", cart_count=number % 2)["model_version"] == CHAMPION
    wait_for(lambda: pod.trial.unsound == 2)
    wait_for(lambda: pod.store.shadows.count() == 2)


def test_a_challenger_that_does_not_verify_is_given_up_at_once(pod: Pod, other_bundle: Bundle) -> None:
    recorded = msgspec.structs.replace(other_bundle.recorded, probabilities=[0.123] * 20)
    wrong = Bundle.make(onnx=other_bundle.onnx, document=other_bundle.document, recorded=recorded)
    pod.begin(wrong, "ab")
    wait_for(lambda: "differ from those recorded" in pod.trial.given_up, seconds=60)
    assert pod.predict(users_of("challenger", 1)[0])["model_version"] == CHAMPION


def test_a_bundle_that_is_not_there_is_given_up(pod: Pod, other_bundle: Bundle) -> None:
    missing = make_bundle(seed=3)
    pod.begin(other_bundle, "shadow")
    pod.contest.tally.answered = 1
    experiment = pod.store.experiments.current()
    assert experiment is not None
    pod.store.experiments.set_current(
        msgspec.structs.replace(experiment, number=NUMBER + 1, challenger=f"8@{missing.digest}")
    )
    trials = wait_for(lambda: [one for one in pod.store.experiments.trials(NUMBER + 1) if one.given_up])
    assert "has no bundle" in trials[0].given_up
    assert trials[0].answered == 0
    assert pod.predict("u1")["model_version"] == CHAMPION


def test_a_pod_that_cannot_read_the_record_stops_splitting_after_a_while(
    pod: Pod, other_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    from propensity.errors import StoreUnavailable

    pod.begin(other_bundle, "ab")
    assert pod.child

    def away() -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(pod.assembly._store.experiments, "current", away)  # type: ignore[union-attr]
    assert "arm" in pod.predict("u1")
    monkeypatch.setattr(contests_module, "LEASE_SECONDS", 0.1)
    wait_for(lambda: pod.assembly.contests.current is None)
    assert "arm" not in pod.predict("u1")


def test_the_store_is_asked_for_what_only_the_challenger_looks_at(pod: Pod, other_bundle: Bundle) -> None:
    modest = unsound_bundle()  # looks at the cart alone
    put_in_production(pod.store, modest, version="9")
    wait_for(lambda: pod.predict("u1", cart_count=1)["model_version"] == "9")
    pod.champion = modest
    body = {"user_id": "known", "cart_count": 1}
    assert pod.ask("POST", "/predict", json=body).json()["features_from"] == "request"
    pod.begin(other_bundle, "ab")
    pod.change(champion=f"9@{modest.digest}")
    assert pod.child
    assert pod.ask("POST", "/predict", json=body).json()["features_from"] == "mixed"


def test_a_model_that_takes_memory_without_end_ends_its_own_process_alone(pod: Pod) -> None:
    pod.begin(hungry_bundle(), "ab")
    (user,) = users_of("challenger", 1)
    assert pod.child
    assert pod.predict(user, cart_count=0)["model_version"] == CHALLENGER
    for _ in range(3):
        process = pod.child.pid
        answer = pod.predict(user, cart_count=1)
        assert (answer["arm"], answer["model_version"]) == ("challenger", CHAMPION)
        wait_for(lambda: not is_running(process))  # noqa: B023 - called at once
        wait_for(lambda: pod.challenger.child is None or pod.contest.tally.given_up)
    wait_for(lambda: pod.trial.given_up)
    assert not pod.trial.is_pods_own


def test_a_pod_that_can_start_no_process_says_that_it_is_its_own_trouble(
    pod: Pod, other_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "NICE", "/no/such/program")
    pod.begin(other_bundle, "ab")
    wait_for(lambda: pod.trial.given_up, seconds=60)
    assert "can't be started" in pod.trial.given_up
    assert pod.trial.is_pods_own
    assert pod.predict(users_of("challenger", 1)[0])["model_version"] == CHAMPION


def test_three_slow_starts_are_the_pods_own_trouble(
    pod: Pod, other_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "START_SECONDS", 0.01)
    pod.begin(other_bundle, "shadow", share=0)
    wait_for(lambda: pod.trial.given_up, seconds=60)
    assert "no answer within" in pod.trial.given_up
    assert pod.trial.is_pods_own
