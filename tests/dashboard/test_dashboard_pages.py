"""Every page of a running shop, of an empty one, and while store or registry are away."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.batch import score_csv
from dashboard.frame import unmarked
from dashboard.registered import MOST_VERSIONS
from dashboard.wording import share
from propensity.campaign.outcomes import untreated_outcomes
from propensity.campaign.selection import Control, select, top
from propensity.errors import WrongFormat
from propensity.events.event import DAY
from propensity.lifecycle.champion import bundle_of, champion_of
from propensity.lifecycle.retraining import record_decision
from propensity.model import Model
from propensity.registry import Registry
from propensity.store import Score, open_store
from tests.dashboard.conftest import APP, OpenPage, texts

VIEWS = sorted(path.stem for path in (APP.parent / "views").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_of_a_running_shop_opens_without_an_error(shop: Path, open_page: OpenPage, view: str) -> None:
    page = open_page(view, home=shop)
    assert not page.exception
    assert not page.error
    assert page.title[0].value


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_of_an_empty_shop_says_what_to_type(tmp_path: Path, open_page: OpenPage, view: str) -> None:
    page = open_page(view, home=tmp_path)
    assert not page.exception
    assert not page.error
    assert any(one.value.startswith("propensity ") for one in page.code)


@pytest.mark.parametrize("view", VIEWS)
def test_a_store_that_is_away_is_a_sentence(
    tmp_path: Path, open_page: OpenPage, broken: dict[str, str], view: str
) -> None:
    page = open_page(view, home=tmp_path, **broken)
    assert not page.exception
    assert page.title[0].value
    assert page.error
    assert all("/proc/nowhere" in one.value or "127.0.0.1:9" in one.value for one in page.error)


def test_the_model_page_shows_both_matrices_and_why(shop: Path, open_page: OpenPage) -> None:
    page = open_page("model", home=shop)
    assert {
        "Confusion matrix, test days", "Confusion matrix, live", "ROC", "Precision and recall", "Operating curve",
        "Calibration", "Importances", "Why this user", "Compare two versions",
    } == {one.value for one in page.subheader}  # fmt: skip
    assert "all contributions together make it" in texts(page)
    assert len(page.get("vega_lite_chart")) >= 7
    page.selectbox[0].select("1").run()
    assert not page.exception
    assert "outcomes of users who were not contacted" in texts(page)


def test_the_drift_report_is_shown_in_place(shop: Path, open_page: OpenPage) -> None:
    page = open_page("data", home=shop)
    report = next(one for one in page.selectbox if one.label == "Report")
    name = next(one for one in report.options if "real" not in one).partition(" (")[0]
    report.select(name).run()
    assert not page.exception
    (frame,) = page.get("iframe")
    assert "Drift of 44 columns" in frame.proto.srcdoc
    assert '<iframe sandbox="allow-scripts" srcdoc="' in frame.proto.srcdoc
    assert "allow-same-origin" not in frame.proto.srcdoc
    assert frame.proto.srcdoc.count("<iframe") == 1, "the report's own markup is the text of an attribute"


def test_a_feed_that_is_late_is_told_beside_the_last_window_that_was_judged(
    shop: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    home = tmp_path / "late"
    shutil.copytree(shop, home)
    with open_store(f"sqlite:///{home}/store.db") as store:
        end = store.windows.latest(1)[0].end + DAY
        record_decision(
            "stale data", window_end=end, reason="No event for 13 hours.", evidence={}, store=store, clock=lambda: end
        )  # fmt: skip
    assert "No event for 13 hours." in [one.value for one in open_page("data", home=home).warning]


def test_a_campaigns_effect_is_told_by_score_too(shop: Path, open_page: OpenPage) -> None:
    page = open_page("business", home=shop)
    assert "Qini coefficient" in texts(page)
    assert "Uplift by score with 95 % intervals" in texts(page)


def test_a_champion_older_than_the_newest_versions_is_there_to_look_at(
    shop: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    for name in ("store.db", "mlflow.db"):
        shutil.copy(shop / name, tmp_path / name)
    with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        champion = champion_of(store)
    assert champion is not None
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        add_versions(database, MOST_VERSIONS)
    page = open_page("model", home=tmp_path)
    choice = next(one for one in page.selectbox if one.label == "Version")
    assert not page.error
    assert len(choice.options) == MOST_VERSIONS + 1
    assert choice.value == champion.version


def add_versions(database: sqlite3.Connection, count: int) -> None:
    """Put so many copies of the newest version after it."""
    for table in ("model_versions", "model_version_tags"):
        names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        columns = ", ".join("o.version + n.number" if name == "version" else f"o.{name}" for name in names)
        database.execute(
            f"WITH RECURSIVE n(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM n WHERE number < ?) "  # noqa: S608
            f"INSERT INTO {table} SELECT {columns} FROM {table} o CROSS JOIN n WHERE o.version = (SELECT max(version) FROM {table})",
            (count,),
        )


def test_conversion_leaves_out_whom_a_campaign_contacted(shop: Path, open_page: OpenPage) -> None:
    page = open_page("business", home=shop)
    with open_store(f"sqlite:///{shop}/store.db") as store:
        at = store.contacts.lists(1)[0].created_at
        cutoffs = store.outcomes.cutoffs(since=at, until=at + 3 * DAY)
        cutoff = min(cutoffs)
        read = untreated_outcomes(store, cutoff)
    assert read.left_out > 100
    page.selectbox[0].select(cutoff).run()
    said = f"{len(read.bought):,} users, {int(read.bought.sum()):,} bought within a day"
    assert said in texts(page)
    assert f"Left out: {read.left_out:,} users" in texts(page)


def test_what_a_version_scored_is_read_off_that_versions_curve(
    shop: Path, tmp_path: Path, open_page: OpenPage, broken: dict[str, str]
) -> None:
    home = copied(shop, tmp_path)
    with open_store(f"sqlite:///{home}/store.db") as store:
        other = {"1": "2", "2": "1"}[champion_of(store).version]
        best = store.scores.top(store.scores.cutoffs(1)[0], 10_000)
        lowest = best[max(1, len(best) // 10) - 1].probability
    with closing(sqlite3.connect(home / "store.db")) as database, database:
        database.execute("UPDATE scores SET model_version = ?", (other,))
    registry = Registry(f"sqlite:///{shop}/mlflow.db", artifacts=shop / "artifacts")
    document = registry.bundle(registry.version(other)).document
    recall = max(one.recall for one in document.operating_curve if one.threshold >= lowest)
    page = open_page("targets", home=home)
    with open_store(f"sqlite:///{home}/store.db") as store:
        listed = select(store, top(max(1, len(best) // 10)), control=Control(seed=1000, share=0.1))
    treated = document_share(page, listed_mass=float(listed.probabilities.sum()), best=best)
    value, beside = reached_of(page)
    assert value == share(recall * treated)
    assert re.fullmatch(r"95 %: [\d.]+% to [\d.]+%", beside)
    st.cache_data.clear()
    st.cache_resource.clear()
    page = open_page("targets", home=home, MLFLOW_TRACKING_URI=broken["MLFLOW_TRACKING_URI"])
    assert reached_of(page) == ("-", f"not known of version {other}")
    assert not page.error


def document_share(page: AppTest, *, listed_mass: float, best: list[Score]) -> float:
    """Return the share of a list's probability that its treated have, as the page's own table splits it."""
    table = page.dataframe[0].value
    treated = set(table.loc[table["arm"] == "treated", "user"])
    assert len(table) <= 100
    return sum(one.probability for one in best if one.user_id in treated) / listed_mass


def reached_of(page: AppTest) -> tuple[str, str]:
    card = next(one for one in page.metric if one.label == "Buyers reached")
    return card.value, card.delta


def copied(shop: Path, folder: Path) -> Path:
    """Return a home to write into."""
    home = folder / "copy"
    home.mkdir()
    for name in ("store.db", "mlflow.db"):
        (home / name).write_bytes((shop / name).read_bytes())
    return home


def test_an_errors_words_make_no_link_picture_or_formula() -> None:
    assert unmarked("names ![x](http://evil) <b> $x$ `user_id`") == (
        "names !\\[x\\](http://evil) \\<b\\> \\$x\\$ `user_id`"
    )


def test_a_list_is_recorded_before_it_can_be_downloaded(
    shop: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    home = copied(shop, tmp_path)
    page = open_page("targets", home=home)
    assert not any("treated of" in one.proto.label for one in page.get("download_button"))
    page.text_input[0].set_value("winter sale")
    page.text_input[1].set_value("For the shops in the north.").run()
    next(one for one in page.button if one.label == "Record the list").click().run()
    assert not page.exception
    assert any("treated of 'winter sale'" in one.proto.label for one in page.get("download_button"))
    with open_store(f"sqlite:///{home}/store.db") as store:
        newest = store.contacts.lists(1)[0]
        arms = [one.arm for chunk in store.contacts.scan(newest.list_id) for one in chunk]
        (said,) = store.ledger.latest(1, "export")
    assert newest.name == "winter sale"
    assert said.reason.endswith(". For the shops in the north.")
    assert (arms.count("treated"), arms.count("control")) == (newest.treated, newest.control)
    assert newest.control > 0


def test_an_uploaded_list_is_scored_with_its_bad_rows_listed(shop: Path) -> None:
    shown: list[float] = []
    with open_store(f"sqlite:///{shop}/store.db") as store:
        champion, cutoff = champion_of(store), store.scores.cutoffs(1)[0]
        model = Model(bundle_of(store, champion.digest))
        best = store.scores.top(cutoff, 1)[0].user_id
        rows = [
            "user_id,cart_count",
            f"{best},",
            f"{best},9",
            "stranger,3",
            "stranger,",
            "x,-1",
            "y,2.5",
            "y,1_0",
            "y,\uff11\uff10",
            "y,1.2.3",
            ",1",
            "z",
        ]
        found = score_csv(
            rows, total=len(rows), store=store, model=model, cutoff=cutoff, progress=shown.append
        )
    assert found.users == [best, best, "stranger"]
    assert found.features_from == ["store", "mixed", "default"]
    assert all(0 <= one <= 1 for one in found.probabilities)
    assert [one.line for one in found.bad] == [5, 6, 7, 8, 9, 10, 11, 12]
    assert found.bad_count == 8
    assert shown[-1] == 1.0


def test_a_list_with_another_column_is_refused(shop: Path) -> None:
    with open_store(f"sqlite:///{shop}/store.db") as store:
        model = Model(bundle_of(store, champion_of(store).digest))
        with pytest.raises(WrongFormat, match="shoe_size"):
            score_csv(
                ["user_id,shoe_size", "a,44"],
                total=1,
                store=store,
                model=model,
                cutoff=0,
                progress=lambda _: None,
            )
