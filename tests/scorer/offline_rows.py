"""Users with different histories in the store, and what the offline features say of each answer on record."""

import json
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from propensity.bundle import Bundle
from propensity.events import Event
from propensity.events.event import DAY, EVENT_TYPES, MICROS
from propensity.features.definition import NAMES
from propensity.features.offline import feature_rows
from propensity.model import Model
from propensity.store import Prediction, Store
from tests.witness import PARITY, Question

GIVEN = {"cart_count": 2, "session_duration": 7.5}
"""What a mixed request knows better than the store."""
RECENT = 40 * MICROS
"""Times are multiples of it, so that some events of a user have one and the same."""


def histories(users: int, *, seed: int, now: int) -> Iterator[Event]:
    """Yield events of the last 29 days: one to eighty of each user, with and without price, product and session."""
    draw = np.random.default_rng(seed)
    for user in range(users):
        for number in range(int(draw.integers(1, 81))):
            age = int(29 * DAY * draw.random() ** 3)
            at = (now - age - 60 * MICROS) // RECENT * RECENT
            has_product = draw.random() < 0.9
            yield Event(
                f"h-{user}-{number}",
                f"stored-{user}",
                str(draw.choice(EVENT_TYPES)),
                at,
                f"p-{draw.integers(20)}" if has_product else None,
                f"c-{draw.integers(5)}" if has_product else None,
                int(draw.integers(1, 100_000)) if draw.random() < 0.7 else None,
                f"s-{draw.integers(4)}" if draw.random() < 0.5 else None,
                at + MICROS if draw.random() < 0.3 else None,
            )


def stored_questions(users: int) -> list[Question]:
    """Return two requests for each user: by the store alone, and with some features given."""
    return [
        Question(kind=kind, body=json.dumps({"user_id": f"stored-{user}", **given}).encode(), status=200)
        for user in range(users)
        for kind, given in (("known", {}), ("mixed", GIVEN))
    ]


def differing(store: Store, records: Sequence[Prediction], *, bundle: Bundle) -> list[str]:
    """Return the ids of the records whose features, or whose probability, are not what training would say.

    Offline the rows are made for the very moment of each answer.
    """
    cutoffs = sorted({one.predicted_at for one in records})
    lag = bundle.document.lag
    parts = list(feature_rows(store, cutoffs, lag=lag, with_labels=False))
    asked = pl.DataFrame(
        {
            "user_id": [one.user_id for one in records],
            "cutoff": [one.predicted_at for one in records],
        }
    )
    rows = asked.join(pl.concat(parts), on=["user_id", "cutoff"], how="left", maintain_order="left")
    table = rows.select(NAMES).to_numpy().astype("<f4")
    is_mixed = np.array([one.features_from == "mixed" for one in records])
    for name, value in GIVEN.items():
        table[is_mixed, NAMES.index(name)] = value
    probabilities = Model(bundle).probabilities(table)
    return [
        record.prediction_id
        for record, row, probability in zip(records, table, probabilities, strict=True)
        if record.features != row.tobytes() or abs(record.probability - probability) > PARITY
    ]
