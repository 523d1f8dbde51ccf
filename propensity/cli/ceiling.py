"""What the best possible model would reach on a simulated log, where every true probability is known."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from propensity.simulate import Simulation
    from training.train import Outcome

COLUMNS = ("roc_auc", "average_precision", "best f1", "(recall", "precision)", "error")


def ceiling_lines(outcome: "Outcome", simulation: "Simulation") -> list[str]:
    """Compare the model with the true probabilities on the same test rows.

    `error` is the calibration error against the true probabilities; `best f1` is the F1 of the threshold that would
    have been best for these very rows, which nobody can know before.
    """
    import numpy as np
    import polars as pl

    from propensity import metrics
    from training.periods import TEST

    trained = outcome.trained
    if trained is None:  # made by an earlier run, whose rows are gone
        return []
    rows = trained.training_set.test.frame.select("user_id", "cutoff", "label")
    rows = rows.with_columns(said=pl.Series(trained.probabilities[TEST]).cast(pl.Float64))
    truth = simulation.truth(rows["cutoff"].unique().sort().to_list())
    rows = rows.join(truth, on=["user_id", "cutoff"])
    bought, true = rows["label"].to_numpy(), rows["probability"].to_numpy()
    lines = [
        "",
        "The log is simulated, so the best that any model could do on these days is known:",
        f"{'':24}" + "".join(f"{name:>19}" for name in COLUMNS),
    ]
    for label, scores in (("this model", rows["said"].to_numpy()), ("the true probabilities", true)):
        ranking = metrics.Ranking(bought, scores)
        error = metrics.calibration_error(true, scores)
        numbers = (ranking.roc_auc(), ranking.average_precision(), *metrics.best_f1(bought, scores), error)
        lines.append(f"{label:24}" + "".join(f"{float(np.asarray(number)):>19.3f}" for number in numbers))
    return lines
