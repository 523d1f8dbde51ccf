"""What the service counts, for Prometheus.

Requests add to plain numbers, which become samples only when somebody scrapes: under BentoML every metric of
prometheus_client writes to a file in shared memory at each step, and its own middleware labels by raw path, so that
clients could make series without end. Here all labels are bounded. One worker a pod, so nothing needs summing up.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from bentos.scorer.challenger.tally import Tally

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST.encode()
_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
CHALLENGER_STATES: Final = ("answered", "unsound", "failed", "dropped", "fallbacks")
_TENTHS: Final = tuple(tenth / 20 for tenth in range(1, 20))


class Histogram:
    """Counts values by size; one costs a bisection."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def buckets(self) -> tuple[list[tuple[str, float]], float]:
        """Return cumulated buckets and the sum, as the exposition wants them."""
        names = [*(str(bound) for bound in self._bounds), "+Inf"]
        return list(zip(names, map(float, accumulate(self._counts)), strict=True)), self._sum


class Measures(Collector):
    """The numbers of one scorer process."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.seconds: dict[str, Histogram] = {}
        self.answers: Counter[tuple[str, str, int]] = Counter()
        """By model version, where features came from, and prediction."""
        self.probabilities: dict[str, Histogram] = {}
        self.lookups = Histogram(_SECONDS)
        self.lookup_failures = 0
        self.refused_events: Counter[str] = Counter()
        self.log: Counter[str] = Counter()
        """Predictions by what became of their record: stored, spooled, replayed, lost, unlogged, forgotten."""
        self.log_queue = 0
        self.spool_bytes = 0
        self.model: tuple[str, str] | None = None
        """Version and digest of what is served."""
        self.model_refusals = 0
        self.unsound_answers = 0
        """Answers of the model that were no probability."""
        self.challenger: Tally | None = None
        """Of the experiment that is on."""

    def request(self, route: str, *, status: int, seconds: float) -> None:
        """Count a request by its route's template."""
        self.requests[route, status] += 1
        histogram = self.seconds.get(route)
        if histogram is None:
            histogram = self.seconds[route] = Histogram(_SECONDS)
        histogram.add(seconds)

    def answer(self, version: str, *, features_from: str, prediction: int, probability: float) -> None:
        """Count an answer of the model."""
        self.answers[version, features_from, prediction] += 1
        histogram = self.probabilities.get(version)
        if histogram is None:
            histogram = self.probabilities[version] = Histogram(_TENTHS)
        histogram.add(probability)

    def lookup(self, seconds: float) -> None:
        """Count a read of the store."""
        self.lookups.add(seconds)

    def lookup_failed(self) -> None:
        """Count a read that failed or took too long."""
        self.lookup_failures += 1

    def collect(self) -> Iterator[Metric]:
        """Yield everything as Prometheus metrics."""
        yield from self._of_requests()
        yield from self._of_answers()
        yield _histogram("scorer_store_lookup_seconds", "Reads of a user's features.", {(): self.lookups}, ())
        yield _counter(
            "scorer_store_lookup_failures",
            "Reads that failed or took too long.",
            {(): self.lookup_failures},
            (),
        )
        yield _counter(
            "scorer_events_refused",
            "Events refused, by reason.",
            {(k,): v for k, v in self.refused_events.copy().items()},
            ("reason",),
        )
        log = {
            (name,): self.log[name]
            for name in ("stored", "spooled", "replayed", "lost", "unlogged", "forgotten")
        }
        yield _counter(
            "scorer_prediction_records", "Prediction records, by what became of them.", log, ("state",)
        )
        yield GaugeMetricFamily(
            "scorer_log_queue_length", "Prediction records in memory.", value=self.log_queue
        )
        yield GaugeMetricFamily("scorer_spool_bytes", "Prediction records on disk.", value=self.spool_bytes)
        yield _counter(
            "scorer_model_refusals", "Model versions that did not verify.", {(): self.model_refusals}, ()
        )
        yield _counter(
            "scorer_unsound_answers",
            "Answers of the model that were no probability.",
            {(): self.unsound_answers},
            (),
        )
        if self.challenger is not None:
            yield from _of_challenger(self.challenger)
        info = GaugeMetricFamily("scorer_model_info", "The model served.", labels=("model_version", "digest"))
        if self.model:
            info.add_metric(self.model, 1.0)
        yield info

    def _of_requests(self) -> Iterator[Metric]:
        requests = {(route, str(status)): count for (route, status), count in self.requests.copy().items()}
        yield _counter("scorer_requests", "Requests answered.", requests, ("route", "status"))
        seconds = {(route,): histogram for route, histogram in self.seconds.copy().items()}
        yield _histogram("scorer_request_seconds", "Time to the answer.", seconds, ("route",))

    def _of_answers(self) -> Iterator[Metric]:
        answers: Counter[tuple[str, ...]] = Counter()
        positives: Counter[tuple[str, ...]] = Counter()
        for (version, source, prediction), count in self.answers.copy().items():
            answers[version, source] += count
            positives[(version,)] += count * prediction
        labels = ("model_version", "features_from")
        yield _counter("scorer_predictions", "Users answered.", answers, labels)
        yield _counter("scorer_positives", "Users at or above the threshold.", positives, labels[:1])
        probabilities = {(version,): histogram for version, histogram in self.probabilities.copy().items()}
        yield _histogram("scorer_probability", "Probabilities answered.", probabilities, labels[:1])


def exposition(measures: Measures) -> bytes:
    """Return the text that Prometheus scrapes, with the process's own memory and CPU time."""
    registry = CollectorRegistry()
    registry.register(measures)
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _of_challenger(tally: Tally) -> Iterator[Metric]:
    labels = ("experiment", "mode")
    of = (str(tally.number), tally.mode)
    rows = {(*of, state): getattr(tally, state) for state in CHALLENGER_STATES}
    yield _counter(
        "scorer_challenger_rows", "Rows for the challenger, by what became of them.", rows, (*labels, "state")
    )
    yield _counter(
        "scorer_challenger_deaths", "Ends of the challenger's process.", {of: tally.deaths}, labels
    )
    given_up = GaugeMetricFamily(
        "scorer_challenger_given_up", "Whether this pod asks the challenger no more.", labels=labels
    )
    given_up.add_metric(of, float(bool(tally.given_up)))
    yield given_up


def _counter(name: str, text: str, values: Mapping[Any, int], labels: Sequence[str]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, float(value))
    return family


def _histogram(name: str, text: str, histograms: Mapping[Any, Histogram], labels: Sequence[str]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for label_values, histogram in histograms.items():
        buckets, total = histogram.buckets()
        family.add_metric(label_values, buckets=buckets, sum_value=total)
    return family
