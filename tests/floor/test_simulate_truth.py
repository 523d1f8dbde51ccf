from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from propensity.errors import SettingsError
from propensity.events.event import DAY, HOUR, MICROS
from propensity.simulate import Drift, Scenario, Simulation, simulate
from propensity.simulate.hidden import draw_hidden
from propensity.simulate.truth import no_purchase

DEFAULT = Scenario()
START = DEFAULT.start_time


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate(DEFAULT)


@pytest.fixture(scope="module")
def events(simulation: Simulation) -> pl.DataFrame:
    return simulation.events()


def outcomes(simulation: Simulation, events: pl.DataFrame, cutoffs: list[int]) -> pl.DataFrame:
    """The truth with `bought`: whether a purchase lies in the 24 hours from the cutoff."""
    purchases = events.filter(pl.col("event_type") == "purchase").select("user_id", "event_time")
    bought = [
        purchases.filter(pl.col("event_time").is_between(cutoff, cutoff + DAY, closed="left"))
        .select("user_id", cutoff=pl.lit(cutoff), bought=pl.lit(1))
        .unique()
        for cutoff in cutoffs
    ]
    joined = simulation.truth(cutoffs).join(pl.concat(bought), on=["user_id", "cutoff"], how="left")
    return joined.with_columns(pl.col("bought").fill_null(0))


def z_scores(rows: pl.DataFrame, by: pl.Expr) -> npt.NDArray[np.float64]:
    """How many standard errors the buyers of each group are from what the truth expects.

    With windows that do not overlap, the differences are uncorrelated given the hidden states, so variances add up.
    """
    p = pl.col("probability")
    groups = rows.group_by(by.alias("group")).agg(
        excess=(pl.col("bought") - p).sum(), variance=(p * (1 - p)).sum()
    )
    return groups.sort("group").select(pl.col("excess") / pl.col("variance").sqrt()).to_series().to_numpy()


def every(hours: int, first: float, last: float) -> list[int]:
    return list(range(START + round(first * DAY), START + round(last * DAY), hours * HOUR))


DECILE = (pl.col("probability").rank("ordinal") * 10 - 1) // pl.len()


def test_buyers_per_decile_of_the_truth_are_what_the_truth_says(
    simulation: Simulation, events: pl.DataFrame
) -> None:
    # Steps of 25 hours: windows do not overlap, and every hour of the day has its turn.
    rows = outcomes(simulation, events, every(25, 1, 59))
    z = z_scores(rows, DECILE)
    assert len(z) == 10
    assert np.abs(z).max() < 3.5
    assert (z**2).sum() < 29.6  # chi-square with 10 degrees of freedom exceeds it once in 1,000


def test_the_truth_holds_for_users_in_the_middle_of_a_visit(
    simulation: Simulation, events: pl.DataFrame
) -> None:
    cutoffs = [cutoff + 20 * HOUR for cutoff in every(24, 1, 58)]
    sessions = events.group_by("session_id", "user_id").agg(
        begin=pl.col("event_time").min(), end=pl.col("event_time").max()
    )
    under_way = [
        sessions.filter((pl.col("begin") < cutoff) & (cutoff <= pl.col("end"))).select(
            "user_id", cutoff=pl.lit(cutoff)
        )
        for cutoff in cutoffs
    ]
    rows = outcomes(simulation, events, cutoffs).join(pl.concat(under_way), on=["user_id", "cutoff"])
    assert rows.height > 1_000
    assert np.abs(z_scores(rows, pl.col("probability") > 0.2)).max() < 3.5


@pytest.mark.parametrize("drift", [Drift.INTENT, Drift.MIX])
def test_the_truth_knows_of_a_drift_before_during_and_after_its_day(drift: Drift) -> None:
    simulation = simulate(Scenario(users=20_000, days=8, seed=5, drift_at=4, drift=drift))
    rows = outcomes(simulation, simulation.events(), every(24, 2.4, 7))
    assert np.abs(z_scores(rows, pl.col("cutoff"))).max() < 3.5
    assert np.abs(z_scores(rows, DECILE)).max() < 3.5


def test_the_closed_form_agrees_with_small_steps() -> None:
    hidden = draw_hidden(Scenario(users=50, days=3, seed=1))
    rates = hidden.regimes[0].rates
    cutoff = START + DAY + 1_234_567_890
    browsing = mission = np.ones(50)
    steps = 20_000
    for number in range(steps)[::-1]:
        begin, end = cutoff + number * DAY // steps, cutoff + (number + 1) * DAY // steps
        span = hidden.rhythm.shopping_time(end) - hidden.rhythm.shopping_time(begin)
        minutes_left = (cutoff + DAY - begin) / (60 * MICROS)
        buy_browsing = rates.browsing_visits * rates.browsing_conversion * (minutes_left > 5)
        buy_mission = rates.mission_visits * rates.mission_conversion * (minutes_left > 14)
        browsing, mission = (
            browsing + span * (rates.mission * (mission - browsing) - buy_browsing * browsing),
            mission + span * (rates.give_up * (browsing - mission) - buy_mission * mission),
        )
    exact = no_purchase(cutoff, regimes=hidden.regimes, rhythm=hidden.rhythm)
    np.testing.assert_allclose(exact, (browsing, mission), atol=2e-4)


def test_the_truth_covers_the_users_with_an_event_in_the_30_days_before(
    simulation: Simulation, events: pl.DataFrame
) -> None:
    for cutoff in (START + DAY // 3, START + 37 * DAY + 5 * HOUR, DEFAULT.end_time):
        window = pl.col("event_time").is_between(cutoff - 30 * DAY, cutoff, closed="left")
        active = events.filter(window)["user_id"].unique().sort()
        truth = simulation.truth([cutoff])
        assert truth["user_id"].equals(active)
        assert truth["probability"].is_between(0, 1, closed="none").all()


def test_the_default_log_can_be_predicted_but_not_with_certainty(
    simulation: Simulation, events: pl.DataFrame
) -> None:
    rows = outcomes(simulation, events, every(25, 31, 59))
    assert 400_000 < events.height < 750_000
    assert 0.05 < rows["bought"].mean() < 0.12
    assert 0.85 < roc_auc_score(rows["bought"], rows["probability"]) < 0.93
    assert rows["probability"].max() < 0.95


def behaviour(events: pl.DataFrame, cutoff: int) -> pl.DataFrame:
    """A handful of what any analyst would look at, for the users active at a cutoff."""
    window = events.filter(pl.col("event_time").is_between(cutoff - 30 * DAY, cutoff, closed="left"))
    age = (cutoff - pl.col("event_time")) / HOUR
    kind = pl.col("event_type")
    wanted = kind.is_in(["cart", "favorite"])
    return window.group_by("user_id").agg(
        recency=age.min(),
        wanted_recency=age.filter(wanted).min(),
        purchase_recency=age.filter(kind == "purchase").min(),
        removal_recency=age.filter(kind == "remove_from_cart").min(),
        day=(age <= 24).sum(),
        week=(age <= 168).sum(),
        month=pl.len(),
        wanted_days=(wanted & (age <= 72)).sum(),
        purchases=(kind == "purchase").sum(),
        cutoff=pl.lit(cutoff),
    )


@pytest.mark.slow
def test_a_quick_model_comes_close_to_the_truth_on_later_days(
    simulation: Simulation, events: pl.DataFrame
) -> None:
    def table(first: int, last: int) -> pl.DataFrame:
        cutoffs = every(31, first, last)
        seen = pl.concat([behaviour(events, cutoff) for cutoff in cutoffs])
        return (
            outcomes(simulation, events, cutoffs)
            .join(seen, on=["user_id", "cutoff"])
            .sort("cutoff", "user_id")
        )

    names = behaviour(events, DEFAULT.end_time).drop("user_id", "cutoff").columns
    earlier, later = table(20, 44), table(46, 59)
    model = HistGradientBoostingClassifier(max_iter=80, max_leaf_nodes=15, learning_rate=0.08, random_state=0)
    # On a busy machine two OpenMP threads wait for each other a hundred times longer than one works.
    with threadpool_limits(1):
        model.fit(earlier[names].to_numpy(), earlier["bought"].to_numpy())
    later = later.with_columns(answer=model.predict_proba(later[names].to_numpy())[:, 1])

    best = roc_auc_score(later["bought"], later["probability"])
    assert best - roc_auc_score(later["bought"], later["answer"]) < 0.03
    bins = later.group_by((pl.col("answer").rank("ordinal") * 10 - 1) // pl.len()).agg(
        error=(pl.col("answer").mean() - pl.col("probability").mean()).abs()
    )
    assert bins["error"].mean() < 0.02


def test_the_truth_is_written_as_it_is(simulation: Simulation, tmp_path: Path) -> None:
    cutoffs = [START + 40 * DAY, START + 41 * DAY + 1]
    truth = simulation.truth(cutoffs)
    assert simulation.write_truth(tmp_path / "truth.csv", cutoffs) == truth.height
    assert pl.read_csv(tmp_path / "truth.csv").equals(truth)
    simulation.write_truth(tmp_path / "truth.parquet", cutoffs)
    assert pl.read_parquet(tmp_path / "truth.parquet").equals(truth)


def test_cutoffs_outside_the_log_are_refused(simulation: Simulation) -> None:
    for cutoff in (START, DEFAULT.end_time + 1):
        with pytest.raises(SettingsError, match="outside the log"):
            simulation.truth([cutoff])
    with pytest.raises(SettingsError, match="name at least one"):
        simulation.truth([])
