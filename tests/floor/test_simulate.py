import datetime as dt
import gzip
from pathlib import Path

import polars as pl
import pytest

from propensity.errors import SettingsError
from propensity.events.event import DAY, EVENT_TYPES
from propensity.simulate import Drift, Process, Scenario, Simulation, simulate

SMALL = Scenario(users=300, days=12, seed=3)
HEADER = "event_id,user_id,event_type,event_time,product_id,category_id,price,session_id"


@pytest.fixture(scope="module")
def small() -> Simulation:
    return simulate(SMALL)


@pytest.fixture(scope="module")
def events(small: Simulation) -> pl.DataFrame:
    return small.events()


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_the_same_scenario_is_the_same_file_byte_for_byte(tmp_path: Path, ending: str) -> None:
    first, second = tmp_path / f"first.{ending}", tmp_path / f"second.{ending}"
    assert simulate(SMALL).write(first) == simulate(SMALL).write(second)
    assert first.read_bytes() == second.read_bytes()


def test_another_seed_is_another_log(small: Simulation) -> None:
    assert not simulate(Scenario(users=300, days=12, seed=4)).events().equals(small.events())


def test_the_csv_is_what_the_ingestion_of_our_own_format_reads(
    small: Simulation, events: pl.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "log.csv"
    assert small.write(path) == events.height
    text = path.read_text()
    assert text.splitlines()[0] == HEADER
    read = pl.read_csv(path, schema_overrides={"price": pl.String})
    assert read.height == events.height
    assert read["event_time"].str.contains(r"^2026-01-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$").all()
    assert read["price"].drop_nulls().str.contains(r"^\d+\.\d\d$").all()
    times = read["event_time"].str.to_datetime("%Y-%m-%dT%H:%M:%S%.6fZ", time_unit="us").cast(pl.Int64)
    assert times.equals(events["event_time"])
    assert read["price"].str.replace(".", "", literal=True).cast(pl.Int64).equals(events["price"])


def test_gzip_and_parquet_hold_the_same_log_as_csv(
    small: Simulation, events: pl.DataFrame, tmp_path: Path
) -> None:
    for name in ("log.csv", "log.csv.gz", "log.parquet"):
        assert small.write(tmp_path / name) == events.height
    assert gzip.decompress((tmp_path / "log.csv.gz").read_bytes()) == (tmp_path / "log.csv").read_bytes()
    read = pl.read_parquet(tmp_path / "log.parquet")
    assert read.schema["event_time"] == pl.Datetime("us", "UTC")
    assert read["event_time"].dt.epoch("us").equals(events["event_time"])
    assert (read["price"] * 100).round().cast(pl.Int64).equals(events["price"])
    rest = ["event_id", "user_id", "event_type", "product_id", "category_id", "session_id"]
    assert read.select(rest).equals(events.select(rest))


def test_rows_are_sorted_by_time_with_unique_ids_inside_the_log(events: pl.DataFrame) -> None:
    assert events["event_time"].is_sorted()
    assert events["event_id"].is_unique().all()
    assert SMALL.start_time <= events["event_time"].min() < events["event_time"].max() < SMALL.end_time
    assert set(events["event_type"]) == set(EVENT_TYPES)
    assert events.drop("price").null_count().sum_horizontal().item() == 0
    assert events["price"].min() > 0


def test_a_session_belongs_to_one_user_and_a_users_sessions_do_not_overlap(events: pl.DataFrame) -> None:
    sessions = events.group_by("session_id").agg(
        users=pl.col("user_id").n_unique(),
        user=pl.col("user_id").first(),
        begin=pl.col("event_time").min(),
        end=pl.col("event_time").max(),
    )
    assert sessions["users"].max() == 1
    gaps = sessions.sort("user", "begin").select(gap=pl.col("begin").shift(-1).over("user") - pl.col("end"))
    assert gaps["gap"].drop_nulls().min() > 0


def test_a_purchase_is_the_last_event_of_its_session(events: pl.DataFrame) -> None:
    ends = events.with_columns(end=pl.col("event_time").max().over("session_id"))
    purchases = ends.filter(pl.col("event_type") == "purchase")
    assert purchases.height > 0
    assert (purchases["event_time"] == purchases["end"]).all()


def test_most_purchases_were_in_the_cart_before(events: pl.DataFrame) -> None:
    carts = events.filter(pl.col("event_type") == "cart").select("user_id", "product_id", carted="event_time")
    purchases = events.filter(pl.col("event_type") == "purchase")
    carted = purchases.join(carts, on=["user_id", "product_id"]).filter(
        pl.col("carted") < pl.col("event_time")
    )
    assert 0.7 < carted["event_id"].n_unique() / purchases.height < 0.99


def test_nights_are_quiet_and_few_products_and_users_make_most_of_the_traffic() -> None:
    log = simulate(Scenario(users=500, days=28, seed=3)).events()
    hours = log.group_by(pl.col("event_time") // 3_600_000_000 % 24).len().sort("event_time")["len"]
    assert hours[3] * 5 < hours[20]
    for column, share in (("product_id", 0.3), ("user_id", 0.3)):
        counts = log.group_by(column).len().sort("len", descending=True)["len"]
        top = counts.head(counts.len() // 10).sum() / log.height
        assert top > share


@pytest.mark.parametrize("drift", list(Drift))
def test_a_drift_changes_nothing_before_its_day(drift: Drift) -> None:
    plain = simulate(Scenario(users=300, days=12, seed=3)).events()
    drifted = simulate(Scenario(users=300, days=12, seed=3, drift_at=6, drift=drift)).events()
    # A visit just before the drift may be shortened by one that would not have come without it.
    before = pl.col("event_time") < SMALL.start_time + 6 * DAY - DAY // 8
    assert drifted.filter(before).equals(plain.filter(before))
    assert drifted.equals(plain) == (drift == Drift.NONE)


def test_drifted_intent_halves_the_buyers_and_a_drifted_mix_leaves_them() -> None:
    def purchases(**drift: object) -> pl.DataFrame:
        log = simulate(Scenario(users=1_500, days=20, seed=3, **drift)).events()  # type: ignore[arg-type]
        late = pl.col("event_time") >= Scenario().start_time + 12 * DAY
        return log.filter(late & (pl.col("event_type") == "purchase"))["session_id", "event_time"].unique()

    plain = purchases()
    assert purchases(drift_at=10, drift=Drift.INTENT).height < 0.7 * plain.height
    assert purchases(drift_at=10, drift=Drift.MIX).sort("event_time").equals(plain.sort("event_time"))


def test_one_user_and_one_day_are_a_log_too(tmp_path: Path) -> None:
    simulation = simulate(Scenario(users=1, days=1, seed=0))
    rows = simulation.write(tmp_path / "log.csv")
    assert (tmp_path / "log.csv").read_text().count("\n") == rows + 1
    assert simulation.events().height == rows


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"users": 0}, "users is 0"),
        ({"days": 0}, "days is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"start": dt.datetime(2026, 1, 1)}, "no time zone"),  # noqa: DTZ001
        ({"start": dt.datetime(1970, 1, 1, tzinfo=dt.UTC)}, "year 2000"),
        ({"strength": 1.5}, "strength is 1.5"),
        ({"drift_at": 60}, "drift_at is 60"),
        ({"drift": "sudden"}, "choose one of none, intent, mix"),
    ],
)
def test_a_scenario_that_makes_no_sense_is_refused_with_what_to_do(
    wrong: dict[str, object], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        Scenario(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"mission_rate": 0.0}, {"give_up_rate": -1.0}, {"satisfaction": 1.0}])
def test_constants_that_make_no_process_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="choose a"):
        Process(**wrong)  # type: ignore[arg-type]


def test_a_path_that_cannot_be_written_is_refused_and_leaves_nothing(
    small: Simulation, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"\.csv, \.csv\.gz, \.parquet"):
        small.write(tmp_path / "log.txt")
    with pytest.raises(SettingsError, match="make it first"):
        small.write(tmp_path / "nowhere" / "log.csv")
    assert list(tmp_path.iterdir()) == []


def test_the_first_days_of_a_log_are_how_the_whole_log_begins(tmp_path: Path) -> None:
    scenario = Scenario(users=200, days=8, seed=3, drift_at=6, drift=Drift.MIX)
    begun, whole = tmp_path / "begun.csv", tmp_path / "whole.csv"
    written = simulate(scenario).write(begun, first_days=5)
    assert 0 < written < simulate(scenario).write(whole)
    assert whole.read_bytes().startswith(begun.read_bytes())
    later = whole.read_bytes()[len(begun.read_bytes()) :].split(b"\n")[0]
    assert b"2026-01-06T" in later
