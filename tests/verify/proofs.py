"""What has to hold of a soak: each answer right, each prediction on record once, 503 only for what nothing but the store knows."""

from collections.abc import Sequence

import msgspec

from loadtests.bench.server import Server
from propensity.store import Store
from tests.scorer.conftest import make_prediction
from tests.verify.soak import metric
from tests.witness import Answer, Told

GRACE_SECONDS = 6.0
"""After the store came back: a lookup under way waits 3 s, then the store is left alone for a second."""


def is_log_written(service: Server) -> bool:
    """Whether every prediction so far is in the store, and nothing waits."""
    records = "scorer_prediction_records_total"
    written = sum(metric(service, records, label=f'state="{state}"') for state in ("stored", "replayed"))
    waiting = metric(service, "scorer_log_queue_length") + metric(service, "scorer_spool_bytes")
    return waiting == 0 and written >= metric(service, "scorer_predictions_total")


def assert_all_recorded(store: Store, *, predictions: int, ids: list[str]) -> None:
    """Each prediction has its record, and there is none besides: adding one that is there changes nothing."""
    (boot,) = {one.rpartition("-")[0] for one in ids}
    assert len(set(ids)) == len(ids), "Two predictions have the same id."

    def new(first: int, last: int) -> int:
        numbers = (f"{boot}-{sequence:x}" for sequence in range(first, last))
        return store.predictions.add(
            [msgspec.structs.replace(make_prediction(0), prediction_id=number) for number in numbers]
        )

    missing = sum(new(start, min(start + 5_000, predictions)) for start in range(0, predictions, 5_000))
    assert missing == 0, f"{missing} of {predictions} predictions have no record."
    assert new(predictions, predictions + 1) == 1, "There are more records than predictions."


def assert_answered_right(told: Told) -> None:
    """Nothing broke, what was not 503 was right, and every probability is the model's own."""
    assert told.broken == [], told.broken[:3]
    wrong = [answer for answer in told.answers if answer.status not in {answer.question.status, 503}]
    assert not wrong, wrong[0]
    assert not told.disagreeing, told.disagreeing[:3]
    assert told.statuses["given", 200] > 100, told.statuses


def assert_503_only_without_store(
    told: Told, *, outages: Sequence[tuple[float, float]], are_reads_lost: bool
) -> None:
    """503 is for what only the store could tell, while it is away, and for nothing else."""

    def is_possible(answer: Answer) -> bool:
        return any(
            answer.answered > began and answer.asked < ended + GRACE_SECONDS for began, ended in outages
        )

    unsaid = [answer for answer in told.answers if answer.status == 503]
    kinds = {answer.question.kind for answer in unsaid}
    assert kinds == ({"known", "unknown", "event"} if are_reads_lost else set()), told.statuses
    assert all(is_possible(answer) for answer in unsaid), "503 while the store was there."
    if are_reads_lost:
        began, ended = outages[-1]
        deep = [one for one in told.answers if began + 1 < one.asked and one.answered < ended - 1]
        assert all((one.status == 503) == one.question.needs_store for one in deep), told.statuses
        assert {"given", "mixed"} <= {one.question.kind for one in deep if one.status == 200}, told.statuses
