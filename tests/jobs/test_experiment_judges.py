"""What an experiment has shown, read from what the pods wrote: shadows, a canary's arms, an A/B's mature outcomes."""

import msgspec
import numpy as np
import pytest

from jobs.experiments.ab import decide, look, numbers_of
from jobs.experiments.judge import Judging
from propensity.bundle import Bundle, Estimate
from propensity.errors import BrokenBundle
from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.experiment.report import report
from propensity.experiment.split import ExperimentSplit
from propensity.features.definition import NAMES, VERSION
from propensity.lifecycle.experiments import Decision
from propensity.model import Model
from propensity.settings import Settings, read_settings
from propensity.store import Arm, Experiment, LedgerEntry, Prediction, Score, Store, Trial, open_store
from tests.lifecycle.conftest import bundle_by_cart

NOW = 1_770_000_000_000_000
MINUTE = 60_000_000
OLD, NEW = "1", "2"


def promising(share: float, *, least: float) -> Bundle:
    """A bundle that puts those with so full a cart above its threshold, and promises that they are this share."""
    made = bundle_by_cart(least)
    document = msgspec.structs.replace(made.document, contact_share=Estimate(share, share, share))
    return Bundle.make(onnx=made.onnx, document=document, recorded=made.recorded)


class Trying:
    """An experiment that is on, and the pods' side of it played by a test."""

    def __init__(self, store: Store, settings: Settings, *, promised: float = 0.5) -> None:
        self.store, self.settings = store, settings
        self.time = NOW
        self.number = 0
        self.bundles = {OLD: promising(0.5, least=10), NEW: promising(promised, least=9)}
        for bundle in self.bundles.values():
            store.bundles.put(bundle.digest, bundle.files)

    def judge(self, mode: str, *, share: float = 0.5, stage: int = 0, looked_at: int = 0) -> Decision:
        experiment = self.experiment(mode, share=share, stage=stage)
        entry = LedgerEntry(
            sequence=7, kind="experiment", state="running", at=NOW, updated_at=NOW, reason="", subject=NEW,
            evidence={"shares": [0.1, 0.5], "effect": 0.05, "looked at": looked_at},
        )  # fmt: skip
        judging = Judging(store=self.store, settings=self.settings, clock=lambda: self.time)
        return judging(entry, experiment)

    def experiment(self, mode: str = "ab", *, share: float = 0.5, stage: int = 0) -> Experiment:
        return Experiment(
            number=7, mode=mode, challenger=f"{NEW}@{self.bundles[NEW].digest}", share=share, stage=stage,  # type: ignore[arg-type]
            champion=f"{OLD}@{self.bundles[OLD].digest}", seed=3, started_at=NOW, stage_at=NOW,
        )  # fmt: skip

    def answers(
        self,
        count: int,
        *,
        arm: Arm | None = None,
        by: str = NEW,
        carts: int = 20,
        latency_us: int = 1_000,
        route: str = "predict",
        lie: float = 0.0,
    ) -> list[Prediction]:
        """Answers of a version to users whose carts hold 0, 1, … things, from the features the store knew."""
        rows = np.zeros((count, len(NAMES)), dtype="<f4")
        rows[:, NAMES.index("cart_count")] = np.arange(count) % carts
        rows[:, NAMES.index("last_activity_hours")] = np.arange(count)  # no two users are alike
        own = Model(self.bundles[by]).probabilities(rows[:, [NAMES.index("cart_count")]])
        made = []
        for row, probability in zip(rows, own, strict=True):
            self.number += 1
            said = float(probability) + lie
            made.append(
                Prediction(
                    prediction_id=f"p{self.number:06d}",
                    user_id=f"u{self.number}",
                    predicted_at=NOW + self.number,
                    probability=said,
                    prediction=int(said >= 0.5),
                    threshold=0.5,
                    model_version=by,
                    features_from="store",
                    feature_version=VERSION,
                    features=row.tobytes(),
                    latency_us=latency_us,
                    pod="pod",
                    sequence=self.number,
                    boot="b",
                    route=route,
                    arm=arm,
                )
            )
        return made

    def score(self, count: int) -> None:
        """Scores of today for users whose carts hold 0, 1, … things."""
        self.time += 1
        scores = [
            Score(
                user_id=one.user_id,
                cutoff=self.time,
                probability=one.probability,
                prediction=one.prediction,
                model_version=OLD,
                feature_version=one.feature_version,
                features=one.features,
            )
            for one in self.answers(count, by=OLD)
        ]
        self.store.scores.add(scores)

    def report(self, **counts: object) -> None:
        trial = {"number": 7, "boot": "b", "pod": "pod-1", "at": NOW, **counts}
        self.store.experiments.report(msgspec.convert(trial, Trial))


@pytest.fixture
def trying(settings: Settings) -> Trying:
    chosen = read_settings(
        home=settings.home,
        experiment_shadow_answers=400,
        experiment_stage_answers=400,
        experiment_stage_minutes=10,
        experiment_look_hours=1,
    )
    return Trying(open_store(settings.store_uri.get_secret_value()), chosen)


def test_a_shadow_is_promoted_once_enough_copies_were_answered_soundly(trying: Trying) -> None:
    assert trying.judge("shadow").word == "wait"
    trying.time += 500
    trying.store.shadows.add(trying.answers(399, route="shadow"))
    trying.report(answered=400)
    assert trying.judge("shadow").word == "wait"  # the log is behind the report
    trying.store.shadows.add(trying.answers(1, route="shadow"))
    decision = trying.judge("shadow")
    assert (decision.word, decision.numbers["answered"]) == ("promote", 400)


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ({"unsound": 1}, "no probability"),
        ({"given_up": "It failed 3 times."}, "pod-1 gave it up: It failed 3"),
    ],
)
def test_a_shadow_fails_by_what_one_pod_has_seen(trying: Trying, counts: dict[str, object], why: str) -> None:
    trying.report(**counts)
    decision = trying.judge("shadow")
    assert decision.word == "fail"
    assert why in decision.why


def test_a_shadow_that_puts_another_share_above_its_threshold_than_promised_fails(trying: Trying) -> None:
    trying.time += 500
    trying.store.shadows.add(trying.answers(400, route="shadow", carts=9))
    trying.bundles[NEW] = promising(0.95, least=9)
    trying.bundles[OLD] = promising(0.0, least=10)
    for bundle in trying.bundles.values():
        trying.store.bundles.put(bundle.digest, bundle.files)
    trying.report(answered=400)
    decision = trying.judge("shadow")
    assert decision.word == "fail"
    assert "above its threshold" in decision.why


def test_a_shadow_whose_answers_are_not_its_bundles_fails(trying: Trying) -> None:
    trying.time += 500
    trying.store.shadows.add(trying.answers(400, route="shadow", lie=0.001))
    trying.report(answered=400)
    assert "not those that its bundle gives" in trying.judge("shadow").why


@pytest.mark.parametrize("mode", ["shadow", "canary"])
def test_who_was_scored_is_judged_where_clients_send_the_features(trying: Trying, mode: str) -> None:
    trying.time += 10 * MINUTE
    sent = [
        msgspec.structs.replace(one, features_from="request")
        for one in trying.answers(
            400, route=mode if mode == "shadow" else "predict", arm=None if mode == "shadow" else "challenger"
        )
    ]
    (trying.store.shadows if mode == "shadow" else trying.store.predictions).add(sent)
    trying.report(answered=400)
    waiting = trying.judge(mode)
    assert waiting.word == "wait"
    assert "can't be judged" in waiting.why or mode == "canary"
    trying.score(150)
    assert trying.judge(mode).word == "wait"
    trying.score(300)
    assert trying.judge(mode).word == ("promote" if mode == "shadow" else "grow")
    trying.bundles[NEW] = promising(0.0, least=1)
    trying.store.bundles.put(trying.bundles[NEW].digest, trying.bundles[NEW].files)
    if mode == "canary":
        trying.store.predictions.add(trying.answers(400, arm="challenger"))
    assert trying.judge(mode).word == "fail"


def canary(trying: Trying, **changed: object) -> None:
    theirs = {"arm": "challenger", "by": NEW, **changed}
    trying.store.predictions.add(trying.answers(400, **theirs))  # type: ignore[arg-type]
    trying.store.predictions.add(trying.answers(400, arm="champion", by=OLD))


def test_a_canary_grows_after_time_and_answers_enough_and_is_promoted_after_its_last_stage(
    trying: Trying,
) -> None:
    trying.store.predictions.add(trying.answers(399, arm="challenger"))
    trying.time += 10 * MINUTE
    assert trying.judge("canary").word == "wait"
    trying.store.predictions.add(trying.answers(1, arm="challenger"))
    decision = trying.judge("canary", stage=0)
    assert (decision.word, decision.numbers["answers"], decision.numbers["fallbacks"]) == ("grow", 400, 0)
    assert trying.judge("canary", stage=1).word == "promote"
    trying.time = NOW + 10 * MINUTE - 1
    assert trying.judge("canary").word == "wait"


def test_answers_of_the_stage_before_count_no_more(trying: Trying) -> None:
    canary(trying)
    trying.time += 10 * MINUTE
    judging = Judging(store=trying.store, settings=trying.settings, clock=lambda: trying.time + DAY)
    entry = LedgerEntry(
        sequence=7, kind="experiment", state="running", at=NOW, updated_at=NOW, reason="",
        evidence={"shares": [0.1, 0.5]},
    )  # fmt: skip
    later = msgspec.structs.replace(trying.experiment("canary"), stage_at=NOW + HOUR)
    assert judging(entry, later).word == "wait"


def test_a_canary_whose_users_the_champion_has_to_answer_goes_back(trying: Trying) -> None:
    canary(trying)
    trying.store.predictions.add(trying.answers(40, arm="challenger", by=OLD))
    decision = trying.judge("canary", share=0.05)
    assert decision.word == "fail"
    assert decision.why.startswith("At 5% of users: the champion had to answer 40 of 440")


def test_a_single_fallback_is_no_reason(trying: Trying) -> None:
    trying.store.predictions.add(trying.answers(40, arm="challenger"))
    trying.store.predictions.add(trying.answers(1, arm="challenger", by=OLD))
    assert trying.judge("canary").word == "wait"


def test_a_fallback_or_two_among_the_first_answers_are_chance(trying: Trying) -> None:
    trying.store.predictions.add(trying.answers(48, arm="challenger", by=NEW))
    trying.store.predictions.add(trying.answers(2, arm="challenger", by=OLD))
    assert trying.judge("canary").word == "wait"
    trying.store.predictions.add(trying.answers(8, arm="challenger", by=OLD))
    assert "had to answer 10 of 58" in trying.judge("canary").why


def test_a_canary_above_its_limit_does_not_grow_though_chance_may_explain_it(trying: Trying) -> None:
    canary(trying)
    trying.store.predictions.add(trying.answers(8, arm="challenger", by=OLD))
    trying.time += 10 * MINUTE
    assert trying.judge("canary").word == "wait"
    trying.store.predictions.add(trying.answers(400, arm="challenger"))
    assert trying.judge("canary").word == "grow"
    trying.store.predictions.add(trying.answers(12, arm="challenger", latency_us=900_000))
    assert trying.judge("canary").word == "wait"
    assert trying.judge("canary", stage=1).word == "wait"


def test_a_slow_canary_goes_back(trying: Trying) -> None:
    canary(trying, latency_us=11_600)
    decision = trying.judge("canary")
    assert decision.word == "fail"
    assert "400 of 400 of its requests take longer than 11.5 ms" in decision.why


def test_a_few_slow_answers_are_chance(trying: Trying) -> None:
    canary(trying)
    trying.store.predictions.add(trying.answers(9, arm="challenger", latency_us=900_000))
    assert trying.judge("canary").word == "wait"
    trying.store.predictions.add(trying.answers(9, arm="challenger", latency_us=900_000))
    assert "18 of 418" in trying.judge("canary").why


def test_a_canary_may_take_what_its_own_process_costs(trying: Trying) -> None:
    canary(trying, latency_us=11_400)
    assert trying.judge("canary").word == "wait"


def test_a_batchs_time_is_nobodys_time(trying: Trying) -> None:
    canary(trying, latency_us=900_000, route="batch")
    assert trying.judge("canary").word == "wait"


def test_a_canary_off_its_promise_goes_back(trying: Trying) -> None:
    trying.bundles[NEW] = promising(0.0, least=1)
    trying.store.bundles.put(trying.bundles[NEW].digest, trying.bundles[NEW].files)
    canary(trying)
    assert "above its threshold" in trying.judge("canary").why


def test_an_experiment_that_comes_to_no_end_is_stopped(trying: Trying) -> None:
    trying.time += 31 * DAY
    assert trying.judge("canary").word == "stop"


def test_one_that_can_not_be_judged_is_stopped_at_its_end_too(trying: Trying) -> None:
    trying.store.predictions.add(trying.answers(400, arm="challenger"))
    del trying.bundles[NEW]
    trying.bundles[NEW] = promising(0.3, least=9)  # the store has no such bundle
    with pytest.raises(BrokenBundle):
        trying.judge("canary")
    trying.time += 30 * DAY + 3 * HOUR
    decision = trying.judge("canary")
    assert decision.word == "stop"
    assert "could not be judged" in decision.why


def test_a_pods_own_trouble_ends_an_experiment_and_is_not_held_against_the_version(trying: Trying) -> None:
    trying.report(given_up="It can't be started (Cannot allocate memory).", is_pods_own=True)
    decision = trying.judge("shadow")
    assert decision.word == "stop"
    assert "can't be started" in decision.why
    trying.report(boot="c", given_up="It failed 3 times.")
    assert trying.judge("shadow").word == "fail"


def test_an_ab_looked_at_daily_is_decided_as_its_counts_say(trying: Trying) -> None:
    ab(trying, 600, better=0.3)
    design = look(
        trying.experiment(), effect=0.3, store=trying.store, settings=trying.settings, now=NOW
    ).design
    told = []
    for hours in range(26, 72, 4):
        found = look(
            trying.experiment(),
            effect=0.3,
            store=trying.store,
            settings=trying.settings,
            now=NOW + hours * HOUR,
        )
        assert found.design == design
        assert found.report == report(found.report.champion, found.report.challenger, design=design)
        told.append(decide(found, numbers={}, now=NOW).word)
    assert told[0] == "note"
    assert told[-1] == "promote"


def ab(trying: Trying, users: int, *, better: float = 0.0, skew: float = 0.0) -> None:
    """Let users be answered over a day, and buy within a day of it, those of the challenger so much more often."""
    split = ExperimentSplit(share=0.5 + skew, seed=3)
    draw = np.random.default_rng(5)
    answers, events = [], []
    for number in range(users):
        arm: Arm = "challenger" if split.side(f"u{trying.number + 1}") == "challenger" else "champion"
        (one,) = trying.answers(1, arm=arm, by=NEW if arm == "challenger" else OLD)
        at = NOW + number * DAY // users
        answers.append(msgspec.structs.replace(one, predicted_at=at))
        if draw.random() < 0.2 + (better if arm == "challenger" else 0):
            events.append(Event(f"e{number}", one.user_id, "purchase", at + HOUR, "p"))
            events.append(Event(f"e{number}-again", one.user_id, "purchase", at + 2 * HOUR, "p"))
        events.append(Event(f"e{number}-late", one.user_id, "purchase", at + DAY, "p"))
    trying.store.predictions.add(answers)
    trying.store.events.add([*events, Event("end", "nobody", "view", NOW + 3 * DAY, "p")])


def test_an_ab_promotes_a_challenger_whose_users_buy_more(trying: Trying) -> None:
    ab(trying, 2_000, better=0.1)
    trying.time += 3 * DAY
    decision = trying.judge("ab")
    assert decision.word == "promote"
    users = [decision.numbers[side][0] for side in ("champion", "challenger")]
    assert sum(users) == 2_000
    assert 0.15 < decision.numbers["champion"][1] / users[0] < 0.25


def test_an_ab_takes_back_a_challenger_whose_users_buy_less(trying: Trying) -> None:
    ab(trying, 2_000, better=-0.1)
    trying.time += 3 * DAY
    assert trying.judge("ab").word == "fail"


def test_an_ab_without_a_difference_ends_without_a_winner_once_it_was_large_enough(trying: Trying) -> None:
    ab(trying, 300)
    trying.time += 3 * DAY
    waiting = trying.judge("ab")
    assert waiting.word == "note"
    assert waiting.numbers["report"]["users still needed"] > 0
    assert trying.judge("ab", looked_at=trying.time).word == "wait"
    trying.settings = read_settings(home=trying.settings.home, experiment_look_hours=1)
    found = look(
        trying.experiment(), effect=0.4, store=trying.store, settings=trying.settings, now=trying.time
    )
    assert found.design.users < 300
    ended = decide(found, numbers=numbers_of(found), now=trying.time)
    assert ended.word == "stop"
    assert "No difference" in ended.why


def test_an_ab_whose_sides_are_not_as_split_has_no_winner(trying: Trying) -> None:
    ab(trying, 2_000, better=0.2, skew=0.1)
    trying.time += 3 * DAY
    decision = trying.judge("ab")
    assert decision.word == "stop"
    assert "instead of 50.00%" in decision.why


def test_only_users_whose_day_is_over_and_known_are_counted(trying: Trying) -> None:
    ab(trying, 500)
    for now, counted in ((NOW + DAY, 0), (NOW + DAY + 13 * HOUR, 250), (NOW + 9 * DAY, 500)):
        found = look(trying.experiment(), effect=0.05, store=trying.store, settings=trying.settings, now=now)
        seen = found.report
        assert seen.champion.users + seen.challenger.users == counted


def test_an_ab_whose_challenger_does_not_answer_is_called_off(trying: Trying) -> None:
    trying.store.predictions.add(trying.answers(100, arm="challenger", by=OLD))
    decision = trying.judge("ab", looked_at=trying.time)
    assert decision.word == "fail"
    assert "had to answer 100 of 100" in decision.why
