"""Model: how good a version was on its test days, how it does live, what it leans on, and why a user got an answer."""

from typing import NamedTuple

import pandas as pd
import streamlit as st

from dashboard import plots, reading, registered, tables, why
from dashboard.frame import box, empty, head, told, unmarked
from dashboard.wording import days, plain, share, window
from propensity.bundle import Bundle, ModelDocument
from propensity.errors import RegistryUnavailable
from propensity.registry import Version


class Shown(NamedTuple):
    """A version as far as it can be shown: whoever is away, the champion's bundle is in the store."""

    number: str
    bundle: Bundle
    version: Version | None
    """None while the registry is away."""

    def table(self, name: str) -> pd.DataFrame | None:
        """Return a table of the training; RegistryUnavailable while nobody has it."""
        if self.version is None:
            raise RegistryUnavailable(
                "MLflow keeps these numbers and does not answer. Check MLFLOW_TRACKING_URI."
            )
        return registered.table(self.version, name)


def show() -> None:
    """Draw the page."""
    head(
        "Model",
        "How good a version is, where its threshold stands, what it leans on, and why a user got an answer.",
    )
    with told():
        try:
            versions = registered.versions()
        except RegistryUnavailable as error:
            _champion_alone(error)
            return
        if not versions:
            empty("No version is registered yet.", "propensity train")
            return
        chosen = _choose(versions)
        _version(Shown(chosen.number, registered.bundle_of_version(chosen), chosen))
        with box(
            "Compare two versions",
            about="Each on its own test days, with 95 % intervals: the gate compares them on the same days.",
        ):
            _compare(versions, chosen)


def _champion_alone(error: RegistryUnavailable) -> None:
    """Show what the store knows of the model in production."""
    champion = reading.champion()
    if champion is None:
        raise error
    st.warning(
        f"{unmarked(str(error))} Shown is the champion, version {champion.version}, as the store has it."
    )
    _version(Shown(champion.version, reading.bundle(champion.digest), None))


def _choose(versions: list[Version]) -> Version:
    champion = reading.champion_number()
    titles = {one.number: _title(one, champion=champion) for one in versions}
    numbers = list(titles)
    at = numbers.index(champion) if champion in numbers else 0
    number = st.selectbox("Version", numbers, index=at, format_func=titles.__getitem__)
    return next(one for one in versions if one.number == number)


def _title(version: Version, *, champion: str | None) -> str:
    said = [version.verdict or "not judged", *(["in production"] if version.number == champion else [])]
    return f"Version {version.number} ({', '.join(said + (['rejected'] if version.rejected else []))})"


def _version(shown: Shown) -> None:
    document = shown.bundle.document
    test, validate = document.periods.get("test"), document.periods.get("validate")
    test_days = (
        f"Test days: {window(test.first_cutoff, test.last_cutoff)}; {test.rows:,} rows, {test.positives:,} buyers."
        if test
        else ""
    )
    validation = (
        f"Validation days: {window(validate.first_cutoff, validate.last_cutoff)}; {validate.positives:,} buyers."
        if validate
        else ""
    )
    if document.warnings:
        st.warning("\n\n".join(document.warnings), icon=":material/warning:")
    _confusion(shown.number, document, about=test_days)
    left, right = st.columns(2)
    with left, box("ROC", about=test_days):
        plots.measured(document, "roc_auc", "Area under the curve")
        plots.curve(shown.table("curves.csv"), "roc")
    with right, box("Precision and recall", about=test_days):
        plots.measured(document, "average_precision", "Average precision")
        plots.curve(shown.table("curves.csv"), "precision_recall")
    left, right = st.columns(2)
    with (
        left,
        box(
            "Operating curve",
            about=validation,
            note="Every threshold there could be; the green line is the present one.",
        ),
    ):
        plots.operating(document)
    with (
        right,
        box(
            "Calibration",
            about=test_days,
            note="A tenth of the rows a point: what was said and what happened, with 95 % intervals.",
        ),
    ):
        plots.measured(document, "calibration_error", "Calibration error")
        plots.calibration(shown.table("calibration.csv"))
    left, right = st.columns([2, 3])
    with (
        left,
        box(
            "Importances",
            about=f"Average precision lost when a feature is shuffled, and its spread over shuffles. {validation}",
        ),
    ):
        plots.importances(shown.table("importances.csv"))
    with (
        right,
        box(
            "Why this user",
            about="Exact contributions of each feature to one answer (TreeSHAP; linear models too).",
        ),
    ):
        why.ask(shown.bundle)


def _confusion(number: str, document: ModelDocument, *, about: str) -> None:
    left, right = st.columns(2)
    test = document.periods.get("test")
    with left, box("Confusion matrix, test days", about=about):
        if test and test.rows:
            plots.confusion(document.metrics, rows=test.rows, positives=test.positives)
        else:
            empty("This version records no test days.")
    with right, box("Confusion matrix, live"):
        found = next(
            (one.performance for one in reading.windows() if one.version == number and one.performance and one.performance.judged),
            None,
        )  # fmt: skip
        if found is None:
            empty("No mature outcome of this version was judged yet.", "propensity score\npropensity monitor")
            return
        st.caption(
            f"Cutoffs {window(found.first_cutoff, found.last_cutoff)}; {found.rows:,} outcomes of users who were not contacted."
        )
        plots.confusion(found.metrics, rows=found.rows, positives=found.positives)


def _compare(versions: list[Version], chosen: Version) -> None:
    others = [one for one in versions if one.number != chosen.number]
    if not others:
        empty("There is one version only. Train another to compare it with.", "propensity train")
        return
    number = st.selectbox("With", [one.number for one in others], format_func=lambda one: f"Version {one}")
    other = next(one for one in others if one.number == number)
    pair = {f"version {one.number}": registered.bundle_of_version(one) for one in (chosen, other)}
    tables.show(
        tables.metrics_table({title: one.document.metrics for title, one in pair.items()}),
        alt="Metrics of both",
    )
    tables.show(
        tables.transposed({title: _made(one) for title, one in pair.items()}),
        alt="How both were made",
        rows=20,
    )
    plots.curve_of_versions(
        {title: registered.table(one, "curves.csv") for title, one in zip(pair, (chosen, other), strict=True)}
    )


def _made(bundle: Bundle) -> dict[str, str]:
    document = bundle.document
    test = document.periods.get("test")
    return {
        "estimator": plain(document.estimator),
        **{name: str(value) for name, value in document.parameters.items()},
        "calibration": document.calibration,
        "threshold": f"{document.threshold:.4g}",
        "share contacted": share(document.contact_share.value),
        "test days": days(test.first_cutoff, test.last_cutoff) if test else "",
        "events": f"{document.events:,}",
        "commit": document.git_commit[:10],
    }


show()
