"""Scores an uploaded CSV: of users, or of feature rows as in `/predict`; a row that can't be scored says why.

Given features win. The rest comes from the user's row at the newest scores, else from the events by one bounded read a
user, else from the declared defaults. Rows are read, filled and answered a chunk at a time, so that progress can be shown.
"""

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from propensity.campaign.spreadsheet import KEPT_BAD_ROWS, bounded, columns_of, restored
from propensity.errors import WrongFormat
from propensity.events.event import MAX_ID_LENGTH
from propensity.features.definition import FEATURES, NAMES, VERSION
from propensity.features.online import default_row, user_features
from propensity.model import Model
from propensity.store import Store

USER: Final = "user_id"
CHUNK: Final = 5_000
_ABOUT_USER: Final = tuple(place for place, feature in enumerate(FEATURES) if feature.window != "cutoff")
_PLAIN: Final = re.compile(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?")
"""Numbers as spreadsheets write them: Python would also take `1_0`, and digits of every script."""


class Bad(NamedTuple):
    """A row that was passed over."""

    line: int
    reason: str


class Given(NamedTuple):
    """What a row says."""

    user_id: str
    values: list[float]
    """In the order of NAMES; NaN where nothing is given."""


@dataclass
class Scored:
    """What became of the rows."""

    users: list[str] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    predictions: list[int] = field(default_factory=list)
    features_from: list[str] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    bad_count: int = 0

    def refuse(self, line: int, reason: str) -> None:
        """Count a bad row, and keep it where there are few."""
        self.bad_count += 1
        if len(self.bad) < KEPT_BAD_ROWS:
            self.bad.append(Bad(line, reason))


def score_csv(
    lines: Iterable[str],
    *,
    total: int,
    store: Store,
    model: Model,
    cutoff: int,
    progress: Callable[[float], object],
) -> Scored:
    """Score the rows of a CSV with the column `user_id`, `total` for the progress; WrongFormat where it is none or too long."""
    found = Scored()
    done = 0
    for chunk in _chunks(_rows(lines, found)):
        _score(chunk, found, store=store, model=model, cutoff=cutoff)
        done += len(chunk)
        progress(min(1.0, done / max(1, total)))
    progress(1.0)
    found.bad.sort()
    return found


def _rows(lines: Iterable[str], found: Scored) -> Iterator[tuple[int, Given]]:
    reader = csv.reader(bounded(lines))
    try:
        places = _places(next(reader, []))
        for row in reader:
            given = _read(row, places)
            if isinstance(given, str):
                found.refuse(reader.line_num, given)
            else:
                yield reader.line_num, given
    except csv.Error as error:
        raise WrongFormat(
            f"The list can't be read as CSV: {error}. Save it as CSV with commas, in UTF-8."
        ) from error


def _places(header: list[str]) -> dict[str, int]:
    names = columns_of(header)
    unknown = [name for name in names if name not in {USER, *NAMES}]
    if USER not in names or unknown or len(set(names)) < len(names):
        raise WrongFormat(
            f"The first line names {', '.join(names)[:200] or 'nothing'}. Give it `user_id` and, where you have them, "
            f"features by their names, such as {', '.join(NAMES[:3])}."
        )
    return {name: place for place, name in enumerate(names)}


def _read(row: list[str], places: dict[str, int]) -> Given | str:
    """Return what a row says, or what is wrong with it."""
    if len(row) != len(places):
        return f"{len(row)} fields instead of {len(places)}"
    user_id = restored(row[places[USER]]).strip()
    if not user_id or len(user_id) > MAX_ID_LENGTH:
        return "no user_id" if not user_id else f"a user_id of over {MAX_ID_LENGTH} characters"
    values = [math.nan] * len(FEATURES)
    for place, feature in enumerate(FEATURES):
        text = row[places[feature.name]].strip() if feature.name in places else ""
        if not text:
            continue
        value = _number(text)
        if not feature.minimum <= value <= feature.maximum or (feature.integer and value != int(value)):
            kind = "a whole number" if feature.integer else "a number"
            return f"{feature.name} is not {kind} from {feature.minimum:g} to {feature.maximum:g}"
        values[place] = value
    return Given(user_id, values)


def _number(text: str) -> float:
    try:
        return float(text) if _PLAIN.fullmatch(text) else math.nan
    except ValueError:  # 1.2.3
        return math.nan  # no comparison holds for it, so the bounds refuse it


def _chunks(rows: Iterator[tuple[int, Given]]) -> Iterator[list[tuple[int, Given]]]:
    chunk: list[tuple[int, Given]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _score(chunk: list[tuple[int, Given]], found: Scored, *, store: Store, model: Model, cutoff: int) -> None:
    wanting = [
        given.user_id for _, given in chunk if any(math.isnan(given.values[place]) for place in _ABOUT_USER)
    ]
    stored = stored_rows(wanting, store=store, cutoff=cutoff, lag=model.document.lag)
    defaults = np.array(default_row(cutoff), dtype=np.float32)
    rows, kept = np.empty((len(chunk), len(NAMES)), dtype=np.float32), 0
    for line, given in chunk:
        values = np.array(given.values, dtype=np.float32)
        is_given = ~np.isnan(values)
        known = stored.get(given.user_id)
        about = bool(is_given[list(_ABOUT_USER)].any())
        if known is None and not about:
            found.refuse(line, "an unknown user, and no feature is given")
            continue
        rows[kept] = np.where(is_given, values, defaults if known is None else known)
        found.users.append(given.user_id)
        found.features_from.append(
            _source(about=about, complete=bool(is_given.all()), known=known is not None)
        )
        kept += 1
    order = [NAMES.index(name) for name in model.document.features]
    probabilities = model.probabilities(np.ascontiguousarray(rows[:kept, order])) if kept else np.zeros(0)
    found.probabilities += probabilities.tolist()
    found.predictions += (probabilities >= model.document.threshold).astype(int).tolist()


def _source(*, about: bool, complete: bool, known: bool) -> str:
    if complete:
        return "request"
    if known:
        return "mixed" if about else "store"
    return "default"


def stored_rows(
    user_ids: Sequence[str], *, store: Store, cutoff: int, lag: int
) -> dict[str, NDArray[np.float32]]:
    """Return the rows the store has of users: from the scores of the cutoff, or from their events."""
    scores = store.scores.of_users(cutoff, user_ids)
    found = {
        one.user_id: np.frombuffer(one.features, dtype="<f4")
        for one in scores
        if one.feature_version == VERSION
    }
    for user_id in set(user_ids) - found.keys():
        row = user_features(store.events, user_id, cutoff=cutoff, lag=lag)
        if row is not None:
            found[user_id] = np.array(row, dtype=np.float32)
    return found
