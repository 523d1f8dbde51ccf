"""The plots about a model: from tables that the training logged, and from the numbers in its document."""

from collections.abc import Mapping

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import charts
from dashboard.frame import empty
from dashboard.wording import plain, share
from propensity import proportions
from propensity.bundle import Estimate, ModelDocument, OperatingPoint

AXES = {"roc": ("others contacted", "buyers caught"), "precision_recall": ("recall", "precision")}
SHOWN_IMPORTANCES = 15


def _shares(column: str, title: str) -> alt.X:
    return alt.X(f"{column}:Q", title=title, axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))


def _not_logged() -> None:
    empty("This version's training did not log these numbers. Train again to have them.", "propensity train")


def measured(document: ModelDocument, name: str, title: str) -> None:
    """Write a metric of the test days with its interval."""
    if found := document.metrics.get(name):
        st.caption(f"{title} {found.value:.3f}, 95 %: {found.low:.3f} to {found.high:.3f}.")


def curve(table: pd.DataFrame | None, kind: str) -> None:
    """Draw a curve of the model beside the best baseline."""
    if table is None:
        _not_logged()
        return
    frame = table[table["curve"] == kind].assign(scorer=lambda one: one["scorer"].map(plain))
    x, y = AXES[kind]
    names = list(dict.fromkeys(frame["scorer"]))
    drawn = charts.lines(
        frame, x=_shares("x", x), y=charts.amount("y", y, percent=True), series="scorer", names=names
    )
    charts.show(alt.layer(charts.diagonal(), drawn) if kind == "roc" else drawn, alt_text=f"{y} over {x}")


def curve_of_versions(found: Mapping[str, pd.DataFrame | None]) -> None:
    """Draw the ROC of two versions, each on its own test days."""
    parts = [table.assign(version=title) for title, table in found.items() if table is not None]
    if not parts:
        return
    both = pd.concat(parts)
    frame = both[(both["curve"] == "roc") & (both["scorer"] == "model")]
    x, y = AXES["roc"]
    drawn = charts.lines(
        frame, x=_shares("x", x), y=charts.amount("y", y, percent=True), series="version", names=list(found)
    )
    charts.show(alt.layer(charts.diagonal(), drawn), alt_text="ROC of both versions")


def operating(document: ModelDocument) -> None:
    """Draw recall and precision over the share contacted, with the present threshold."""
    points = document.operating_curve
    if not points:
        _not_logged()
        return
    frame = pd.DataFrame(
        [(one.share, name, value, one.threshold) for one in points for name, value in (("recall", one.recall), ("precision", one.precision))],
        columns=["contacted", "metric", "value", "threshold"],
    )  # fmt: skip
    drawn = charts.lines(frame, x=_shares("contacted", "users contacted"), y=charts.amount("value", "share", percent=True), series="metric", names=["recall", "precision"])  # fmt: skip
    present = min(points, key=lambda one: abs(one.threshold - document.threshold))
    charts.show(
        alt.layer(drawn, charts.rule(x=present.share)), alt_text="Recall and precision by share contacted"
    )
    st.caption(
        f"Threshold {document.threshold:.4g}: {share(present.share)} of users contacted, {_at(present, document)}."
    )


def _at(point: OperatingPoint, document: ModelDocument) -> str:
    """Write recall and precision of a point with the intervals of so many buyers and so many contacted."""
    validate = document.periods.get("validate")
    buyers, rows = (validate.positives, validate.rows) if validate else (0, 0)
    contacted, caught = round(point.share * rows), round(point.recall * buyers)
    recall, precision = (
        proportions.share(caught, buyers),
        proportions.share(min(caught, contacted), contacted),
    )
    return (
        f"recall {share(point.recall)} ({share(recall.low)} to {share(recall.high)}), "
        f"precision {share(point.precision)} ({share(precision.low)} to {share(precision.high)})"
    )


def calibration(table: pd.DataFrame | None) -> None:
    """Draw what was said against what happened."""
    if table is None:
        _not_logged()
        return
    spans = [
        proportions.share(round(part * rows), rows)
        for part, rows in zip(table["happened"].tolist(), table["rows"].tolist(), strict=True)
    ]
    frame = table.assign(series="model", low=[one.low for one in spans], high=[one.high for one in spans])
    top = 1.05 * float(max(frame["said"].max(), frame["high"].max()))
    x = alt.X("said:Q", title="probability said", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, top]))
    drawn = charts.lines(
        frame, x=x, y=charts.amount("happened", "share that bought", percent=True),
        series="series", names=["model"], points=True,
    )  # fmt: skip
    spread = alt.Chart(frame).mark_rule(color=charts.GREY, size=2)
    charts.show(
        alt.layer(
            charts.diagonal(top=top), spread.encode(x=x, y=alt.Y("low:Q", title=""), y2="high:Q"), drawn
        ),
        alt_text="Calibration, with 95 % intervals",
    )


def importances(table: pd.DataFrame | None) -> None:
    """Draw what is lost when a feature is shuffled."""
    if table is None:
        _not_logged()
        return
    frame = table.head(SHOWN_IMPORTANCES).assign(
        feature=lambda one: one["feature"].map(plain),
        low=lambda one: one["importance"] - one["spread"],
        high=lambda one: one["importance"] + one["spread"],
    )
    y = alt.Y("feature:N", title=None, sort=None, axis=alt.Axis(labelLimit=220))
    drawn = charts.bars(frame, x=alt.X("importance:Q", title="average precision lost"), y=y)
    spread = alt.Chart(frame).mark_rule(color=charts.GREY, size=2).encode(x="low:Q", x2="high:Q", y=y)
    charts.show(alt.layer(drawn, spread), alt_text="Importances", height=24 * len(frame) + 50)


def confusion(metrics: Mapping[str, Estimate], *, rows: int, positives: int) -> None:
    """Draw the four counts that recall and the share answered yes stand for."""
    counts = confusion_counts(metrics, rows=rows, positives=positives)
    frame = pd.DataFrame(counts, columns=["truth", "answer", "rows"]).assign(
        share=lambda one: one["rows"] / rows, said=lambda one: one["rows"].map("{:,}".format)
    )
    x = alt.X("answer:N", title="answer", sort=["no", "yes"], axis=alt.Axis(labelAngle=0, orient="top"))
    y = alt.Y("truth:N", title=None, sort=["did not buy", "bought"])
    shade = alt.Color("share:Q", scale=alt.Scale(domain=[0, 1], range=["#C9DDF0", charts.BLUE]), legend=None)
    drawn = (
        alt.Chart(frame).mark_rect(cornerRadius=4).encode(x=x, y=y, color=shade, tooltip=list(frame.columns))
    )
    words = (
        alt.Chart(frame)
        .mark_text(fontSize=18, fontWeight=600, color="#10161D")
        .encode(x=x, y=y, text="said:N")
    )
    charts.show(alt.layer(drawn, words), alt_text="Confusion matrix", height=220)


def confusion_counts(
    metrics: Mapping[str, Estimate], *, rows: int, positives: int
) -> list[tuple[str, str, int]]:
    """Return `truth, answer, rows`: with recall r and the share s answered yes, r x buyers and s x rows are counts."""
    caught = round(metrics["recall"].value * positives)
    yes = round(metrics["contact_share"].value * rows)
    return [
        ("did not buy", "no", rows - positives - (yes - caught)),
        ("did not buy", "yes", yes - caught),
        ("bought", "no", positives - caught),
        ("bought", "yes", caught),
    ]
