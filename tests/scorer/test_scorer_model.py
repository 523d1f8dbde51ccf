"""Which model is served, what it must show before it is, and when another is taken up."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bentos.scorer import keeper as keeper_module
from bentos.scorer.keeper import Keeper
from bentos.scorer.measures import Measures
from bentos.scorer.model_source import check_recent
from bentos.scorer.problems import Problem
from bentos.scorer.serving import Serving
from propensity.bundle import Bundle, Recorded
from propensity.errors import BrokenBundle, NoChampion
from propensity.features.definition import NAMES, VERSION
from propensity.lifecycle.champion import bundle_of, champion_of
from propensity.model import Model
from propensity.settings import Settings, read_settings
from propensity.store import Champion, Prediction, Store, open_store


def keeper_of(settings: Settings, store: Store | None) -> Keeper:
    return Keeper(settings, store=store, measures=Measures())


def reason(keeper: Keeper) -> str:
    with pytest.raises(Problem) as raised:
        keeper.ready()
    assert raised.value.status == 503
    return str(raised.value)


def test_without_a_champion_it_says_to_train_and_becomes_ready_when_there_is_one(
    settings: Settings, bundle: Bundle, promote: Any
) -> None:
    with open_store(settings.store_uri.get_secret_value()) as store:
        keeper = keeper_of(settings, store)
        keeper.look()
        assert "propensity train" in reason(keeper)
        promote(store, bundle, version="1")
        keeper.look()
        assert keeper.ready().version == "1"


def test_a_promotion_is_taken_up_without_a_restart(  # noqa: PLR0917 - fixtures
    settings: Settings,
    store: Store,
    other_bundle: Bundle,
    promote: Any,
    eventually: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeper_module, "FOLLOW_SECONDS", 0.02)
    keeper = keeper_of(settings, store)
    keeper.start()
    assert keeper.ready(wait_seconds=10).version == "7"
    promote(store, other_bundle, version="8")
    eventually(lambda: keeper.ready().version == "8")
    keeper.stop()


def test_a_champion_that_does_not_verify_is_not_taken_and_the_one_served_stays(
    settings: Settings, store: Store, bundle: Bundle, promote: Any
) -> None:
    keeper = keeper_of(settings, store)
    keeper.look()
    recorded = Recorded(inputs=bundle.recorded.inputs, probabilities=[0.123] * 20)
    broken = Bundle.make(onnx=bundle.onnx, document=bundle.document, recorded=recorded)
    promote(store, broken, version="8")
    keeper.look()
    assert keeper.ready().version == "7"
    assert "differ from those recorded" in keeper.reason


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"feature_version": VERSION + 5}, "feature version"),
        ({"features": ["horoscope"]}, "horoscope"),
        ({"schema": 99}, "schema 99"),
    ],
)
def test_a_model_that_this_release_can_not_serve_is_not_ready_and_says_why(
    settings: Settings, new_bundle: Callable[..., Bundle], promote: Any, change: dict[str, Any], text: str
) -> None:
    with open_store(settings.store_uri.get_secret_value()) as store:
        promote(store, new_bundle(**change), version="1")
        keeper = keeper_of(settings, store)
        keeper.look()
        assert text in reason(keeper)


def test_a_pinned_version_is_served_whatever_is_promoted(
    settings: Settings, store: Store, bundle: Bundle, other_bundle: Bundle, promote: Any
) -> None:
    promote(store, other_bundle, version="8")
    pinned = read_settings(home=settings.home, model_reference=f"7@{bundle.digest}")
    keeper = keeper_of(pinned, store)
    keeper.start()
    serving = keeper.ready(wait_seconds=10)
    assert (serving.version, serving.alias) == ("7", None)
    keeper.stop()


@pytest.mark.parametrize("reference", ["7@sha256:" + "0" * 64, "7", "@", "7@md5:1"])
def test_a_reference_that_names_nothing_is_not_ready_and_says_why(
    settings: Settings, store: Store, reference: str
) -> None:
    keeper = keeper_of(read_settings(home=settings.home, model_reference=reference), store)
    keeper.look()
    assert "sha256" in reason(keeper)


def test_what_is_missing_is_said_as_everywhere_else(settings: Settings) -> None:
    with open_store(settings.store_uri.get_secret_value()) as store:
        for find, message in (
            (lambda: champion_of(store), NoChampion),
            (lambda: bundle_of(store, "sha256:" + "0" * 64), BrokenBundle),
        ):
            with pytest.raises(message) as raised:
                find()
            pinned = f"7@sha256:{'0' * 64}" if message is BrokenBundle else ""
            keeper = keeper_of(read_settings(home=settings.home, model_reference=pinned), store)
            keeper.look()
            assert reason(keeper) == str(raised.value)


def test_files_that_were_altered_are_not_served(
    settings: Settings, bundle: Bundle, other_bundle: Bundle
) -> None:
    with open_store(settings.store_uri.get_secret_value()) as store:
        store.bundles.put(bundle.digest, other_bundle.files)
        store.set_champion(Champion(version="1", digest=bundle.digest, verdict="promoted", promoted_at=0))
        keeper = keeper_of(settings, store)
        keeper.look()
        assert "was asked for" in reason(keeper)


def test_a_folder_is_served_with_no_store_at_all(settings: Settings, bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path / "bundle")
    keeper = keeper_of(read_settings(home=settings.home, model_path=str(tmp_path / "bundle")), None)
    keeper.look()
    assert keeper.ready().model.bundle.digest == bundle.digest


def test_a_store_that_is_away_is_not_ready_and_found_when_it_is_back(
    settings: Settings, bundle: Bundle, promote: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "gate").touch()
    with open_store(f"sqlite:///{tmp_path / 'gate' / 'store.db'}") as store:
        keeper = keeper_of(settings, store)
        keeper.look()
        keeper.look()
        assert reason(keeper) == "The store does not answer. Try again later."
        (warning,) = caplog.records
        assert str(tmp_path / "gate") in vars(warning)["why"]
        (tmp_path / "gate").unlink()
        promote(store, bundle, version="1")
        keeper.look()
        assert keeper.ready().version == "1"


def row_of(number: int, *, cart: float) -> bytes:
    """A user's features; users of another number have others."""
    row = np.ones(len(NAMES), dtype="<f4")
    row[NAMES.index("cart_count")] = cart
    row[NAMES.index("views_30d")] = number
    return row.tobytes()


def recent(
    users: int,
    *,
    cart: float,
    prediction: int,
    feature_version: int = VERSION,
    alike: bool = False,
    features_from: str = "store",
) -> list[Prediction]:
    return [
        Prediction(
            prediction_id=str(number),
            user_id=str(number),
            predicted_at=number,
            probability=0.5,
            prediction=prediction,
            threshold=0.5,
            model_version="6",
            features_from=features_from,
            feature_version=feature_version,
            features=row_of(0 if alike else number, cart=cart),
            latency_us=1,
            pod="p",
            sequence=number,
            boot="b",
            route="predict",
        )
        for number in range(users)
    ]


def serving_of(bundle: Bundle) -> Serving:
    return Serving(version="7", model=Model(bundle))


def test_a_model_that_drops_everybody_is_refused_when_its_test_days_say_otherwise(bundle: Bundle) -> None:
    with pytest.raises(BrokenBundle, match="puts 0% of 200 recent users"):
        check_recent(serving_of(bundle), recent(200, cart=0, prediction=1))
    with pytest.raises(BrokenBundle, match="puts 100% of 200 recent users"):
        check_recent(serving_of(bundle), recent(200, cart=9, prediction=0))


def test_one_sided_answers_are_taken_where_something_explains_them(
    bundle: Bundle, new_bundle: Callable[..., Bundle]
) -> None:
    check_recent(serving_of(bundle), [])
    check_recent(serving_of(bundle), recent(10, cart=0, prediction=1))
    check_recent(serving_of(bundle), recent(200, cart=0, prediction=0))
    check_recent(serving_of(bundle), recent(200, cart=0, prediction=1, feature_version=VERSION + 1))
    nearly_all = new_bundle(share=(0.97, 1.0))
    check_recent(serving_of(nearly_all), recent(200, cart=9, prediction=0))


def test_users_of_whom_the_same_is_known_say_no_more_than_one(bundle: Bundle) -> None:
    check_recent(serving_of(bundle), recent(200, cart=0, prediction=1, alike=True))


@pytest.mark.parametrize("features_from", ["request", "mixed", "default"])
def test_what_clients_make_up_keeps_no_version_out(bundle: Bundle, features_from: str) -> None:
    check_recent(serving_of(bundle), recent(200, cart=0, prediction=1, features_from=features_from))


def test_one_user_who_asks_again_and_again_is_one_user(bundle: Bundle) -> None:
    asked = [prediction for _ in range(50) for prediction in recent(4, cart=0, prediction=1)]
    check_recent(serving_of(bundle), asked)
