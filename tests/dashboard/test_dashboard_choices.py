"""What people choose on the pages: a budget, a filter, a version to compare with, a user, the share of an uploaded list."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from dashboard.effects import AT_ONCE
from propensity.store import open_store
from tests.dashboard.conftest import OpenPage, texts


def copied(shop: Path, folder: Path) -> Path:
    """Return a home to write into."""
    home = folder / "copy"
    home.mkdir()
    for name in ("store.db", "mlflow.db"):
        (home / name).write_bytes((shop / name).read_bytes())
    return home


def card(page: Any, label: str) -> Any:
    return next(one for one in page.metric if one.label == label)


def slider(page: Any, label: str) -> Any:
    return next(one for one in page.slider if one.label == label)


def test_a_budget_is_a_slider_that_moves_whom_it_reaches(shop: Path, open_page: OpenPage) -> None:
    page = open_page("targets", home=shop)
    page.get("button_group")[0].set_value("Budget").run()
    assert not page.exception
    slider(page, "Budget").set_value(10.0).run()
    assert card(page, "To contact").value == "20"
    few = float(card(page, "Buyers reached").value.rstrip("%"))
    slider(page, "Budget").set_value(50.0).run()
    assert card(page, "To contact").value == "100"
    assert float(card(page, "Buyers reached").value.rstrip("%")) > few
    assert "95 %: " in card(page, "Expected buyers").delta
    assert "by the operating curve of" in texts(page)


def test_a_filter_leaves_out_whom_the_model_gives_little(shop: Path, open_page: OpenPage) -> None:
    page = open_page("targets", home=shop)
    slider(page, "Users").set_value(300).run()
    assert float(card(page, "Threshold").value) < 0.1
    slider(page, "Leave out whom the model gives less than").set_value(0.2).run()
    assert float(card(page, "Threshold").value) >= 0.2
    assert page.dataframe[0].value["probability"].min() >= 0.2


def test_users_on_the_list_are_found_by_name(shop: Path, open_page: OpenPage) -> None:
    page = open_page("targets", home=shop)
    user = page.dataframe[0].value["user"].iloc[3]
    next(one for one in page.text_input if one.label == "Find users on the list").set_value(user).run()
    assert page.dataframe[0].value["user"].tolist() == [user]


def test_nobody_can_make_a_list_without_a_control_arm(shop: Path, open_page: OpenPage) -> None:
    assert slider(open_page("targets", home=shop), "Held back as control").min == 0.01


def test_two_versions_stand_beside_each_other(shop: Path, open_page: OpenPage) -> None:
    page = open_page("model", home=shop)
    metrics, made = page.dataframe[-2].value, page.dataframe[-1].value
    assert list(metrics.columns)[1:] == list(made.columns)[1:]
    assert {*metrics.columns[1:]} == {"version 1", "version 2"}
    assert metrics.iloc[:, 1:].apply(lambda column: column.str.contains(r"\[.+, .+\]")).all().all()
    assert {"estimator", "threshold", "test days"} <= set(made[""])


def test_why_a_named_user_got_an_answer_adds_up(shop: Path, open_page: OpenPage) -> None:
    page = open_page("model", home=shop)
    with open_store(f"sqlite:///{shop}/store.db") as store:
        user = store.scores.top(store.scores.cutoffs(1)[0], 5)[4].user_id
    why = next(one for one in page.text_input if one.label == "User")
    why.set_value(user).run()
    assert any(one.value == user for one in page.code)
    assert "all contributions together make it" in texts(page)
    why.set_value("nobody-we-know").run()
    assert "The store knows no event of this user." in texts(page)
    assert not page.exception


def test_the_champion_is_shown_while_mlflow_is_away(
    shop: Path, open_page: OpenPage, broken: dict[str, str]
) -> None:
    page = open_page("model", home=shop, MLFLOW_TRACKING_URI=broken["MLFLOW_TRACKING_URI"])
    assert not page.exception
    assert "Shown is the champion" in texts(page)
    assert {"Confusion matrix, test days", "Operating curve", "Why this user"} <= {
        one.value for one in page.subheader
    }
    assert "recall" in texts(page)
    assert "all contributions together make it" in texts(page)
    assert len(page.error) == 4
    assert {one.value for one in page.error} == {
        "MLflow keeps these numbers and does not answer. Check MLFLOW_TRACKING_URI."
    }


def test_a_trainings_table_that_can_not_be_read_is_a_sentence(
    shop: Path, open_page: OpenPage, monkeypatch: Any
) -> None:
    from propensity.registry import Registry

    for content in (b"", b"\x00\xff\xfe,\n", b"curve,x\nroc,0\n", b'a,"b\nc'):
        monkeypatch.setattr(Registry, "artifact", lambda *_, said=content: said)
        page = open_page("model", home=shop)
        assert not page.exception
        assert {one.value.partition(" of version")[0] for one in page.error} == {
            "curves.csv", "calibration.csv", "importances.csv",
        }  # fmt: skip


def test_scores_without_a_champion_can_still_be_listed(
    shop: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    home = copied(shop, tmp_path)
    with closing(sqlite3.connect(home / "store.db")) as database, database:
        database.execute("DELETE FROM champion")
    page = open_page("targets", home=home)
    assert not page.exception
    assert not page.error
    assert int(card(page, "To contact").value) > 0


def test_an_uploaded_lists_arms_are_held_against_the_share_that_was_planned(
    shop: Path, open_page: OpenPage
) -> None:
    page = open_page("business", home=shop)
    rows = "".join(f"u{number:07},{'control' if number % 2 else 'treated'}\n" for number in range(400))
    page.get("file_uploader")[0].set_value(("arms.csv", f"user_id,arm\n{rows}".encode(), "text/csv")).run()
    assert not page.exception
    assert "50.0% of the users instead of 10.0%" in texts(page)
    next(one for one in page.number_input if one.label == "Held back, %").set_value(50.0).run()
    assert "instead of" not in texts(page)
    assert "Sample ratio: 50.0% held back, 50.0% planned" in texts(page)


def test_the_users_of_a_large_list_are_counted_once_somebody_asks(
    shop: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    home = copied(shop, tmp_path)
    with closing(sqlite3.connect(home / "store.db")) as database, database:
        database.execute("UPDATE target_lists SET treated = ?, control = 1", (AT_ONCE,))
    page = open_page("business", home=home)
    assert not [one for one in page.metric if one.label == "Buyers it brought"]
    (asked,) = page.checkbox
    assert asked.label.startswith(f"Count what its {AT_ONCE + 1:,} users did")
    asked.check().run()
    assert not page.exception
    assert [one for one in page.metric if one.label == "Buyers it brought"]


def test_hostile_names_and_reasons_are_cells_and_text(
    shop: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    home = copied(shop, tmp_path)
    evil = '=HYPERLINK("http://x","<script>alert(1)</script>")![x](http://evil)$x$'
    with closing(sqlite3.connect(home / "store.db")) as database, database:
        newest = database.execute("SELECT max(cutoff) FROM scores").fetchone()[0]
        best = database.execute(
            "SELECT user_id FROM scores WHERE cutoff = ? ORDER BY probability DESC LIMIT 1", (newest,)
        ).fetchone()[0]
        database.execute(
            "UPDATE scores SET user_id = ? WHERE cutoff = ? AND user_id = ?", (evil, newest, best)
        )
        database.execute("UPDATE target_lists SET name = ?, rule = ?", (evil, evil))
        database.execute("UPDATE ledger SET reason = ?, subject = ?", (evil, evil))
        database.execute("UPDATE refused SET raw = ?, file = ?", (evil, evil))
    for view in ("overview", "targets", "model", "data", "business", "operations"):
        page = open_page(view, home=home)
        assert not page.exception, view
        markup = [
            one.value
            for kind in (page.markdown, page.warning, page.error, page.info, page.success)
            for one in kind
        ]
        assert not any("<script>" in str(one) or "![x](http://evil)" in str(one) for one in markup), view
        for table in page.dataframe:
            cells = [cell for name in table.value for cell in table.value[name] if isinstance(cell, str)]
            assert not any(cell.startswith("=") for cell in cells), view
    assert any(evil == one.value for one in page.text)
