"""Clients that ask a loaded service questions whose answers are known, and write down what they were told.

Requests with every feature given are compared with what the model itself says of that row; every id of a prediction is
kept, so that its record can be looked for.
"""

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from propensity.bundle import Bundle
from propensity.features.definition import FEATURES, NAMES
from propensity.model import Model

PARITY = 1e-6
"""ONNX Runtime adds float32 of its trees in another order for one row than for many."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A request and what is right for it."""

    kind: str
    body: bytes
    status: int
    needs_store: bool = False
    """Without the store nothing can be said: 503 is right while it is away."""
    probability: float | None = None
    path: str = "/predict"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of a question, and when."""

    question: Question
    status: int
    said: Any
    asked: float
    """Seconds of the monotonic clock."""
    answered: float


@dataclass
class Told:
    """Everything that was answered, and what was not."""

    answers: list[Answer] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Connections that were refused or reset, timeouts."""

    @property
    def statuses(self) -> Counter[tuple[str, int]]:
        """Answers by kind of question and status."""
        return Counter((answer.question.kind, answer.status) for answer in self.answers)

    @property
    def prediction_ids(self) -> list[str]:
        """The ids of all predictions."""
        items = [
            item
            for answer in self.answers
            if answer.status == 200
            for item in answer.said.get("predictions", [answer.said])
        ]
        return [item["prediction_id"] for item in items if "prediction_id" in item]

    @property
    def disagreeing(self) -> list[tuple[float, float | None]]:
        """Probabilities that are not what the model says, each with what it says."""
        return [
            (answer.said["probability"], answer.question.probability)
            for answer in self.answers
            if answer.status == 200
            and answer.question.probability is not None
            and abs(answer.said["probability"] - answer.question.probability) > PARITY
        ]


class Witnesses:
    """Threads that ask the questions in turn for as long as the block runs."""

    def __init__(
        self,
        port: int,
        questions: Sequence[Question],
        *,
        clients: int,
        pause_seconds: float,
        key: str = "",
    ) -> None:
        self.told = Told()
        self._port = port
        self._questions = questions
        self._pause = pause_seconds
        self._headers = {"x-api-key": key} if key else {}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(one,)) for one in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _ask(self, first: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        for number in itertools.count(first, len(self._threads)):
            if self._stop.wait(self._pause):
                break
            question = self._questions[number % len(self._questions)]
            asked = time.monotonic()
            try:
                line.request("POST", question.path, question.body, self._headers)
                answer = line.getresponse()
                said = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.told.broken.append(f"{question.kind}: {error!r}")
                line.close()
                continue
            self.told.answers.append(
                Answer(
                    question=question, status=answer.status, said=said, asked=asked, answered=time.monotonic()
                )
            )
        line.close()


def given_in_full(bundle: Bundle, *, count: int, seed: int) -> list[Question]:
    """Return requests that give every feature, each with the answer of the model itself."""
    draw = np.random.default_rng(seed)
    rows = np.empty((count, len(NAMES)), np.float32)
    for place, feature in enumerate(FEATURES):
        values = np.minimum(draw.gamma(1.0, 3.0, count), feature.maximum)
        rows[:, place] = np.floor(values) if feature.integer else values
    expected = Model(bundle).probabilities(rows)
    return [
        Question(
            kind="given",
            body=json.dumps({"user_id": f"given-{number}", **_named(row)}).encode(),
            status=200,
            probability=float(probability),
        )
        for number, (row, probability) in enumerate(zip(rows.tolist(), expected.tolist(), strict=True))
    ]


def _named(row: Sequence[float]) -> dict[str, float]:
    return {
        feature.name: int(value) if feature.integer else value
        for feature, value in zip(FEATURES, row, strict=True)
    }
