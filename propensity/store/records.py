"""The documents two parts pass each other through the store, and what the store answers about them.

They are msgspec structs: frozen, typed, and a fifth of pydantic's cost where one is made per request. Times are
microseconds since the epoch, UTC. Feature rows travel as little-endian float32, in the order of
`features.NAMES` of their `feature_version`: a tenth of their size as a document.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from propensity.events import Event


class Added(NamedTuple):
    """What became of a batch of events."""

    inserted: int
    unchanged: int
    """The same id with the same content was there before (or twice in the batch)."""
    conflicts: list[Event]
    """The same id with other content: not stored."""
    forgotten: Sequence[Event] = ()
    """Of users who asked to be forgotten: not stored."""


class EventSummary(NamedTuple):
    """What the store holds of events; times are None while it is empty."""

    events: int
    first_time: int | None
    last_time: int | None


class EventText(NamedTuple):
    """Events of whole users as text that `events.text` describes, ordered by user, time and id."""

    text: str
    rows: int


class UserRange(NamedTuple):
    """Users with `first <= user_id < end` in byte order; None leaves that side open."""

    first: str | None = None
    end: str | None = None


class IngestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One file (or request batch) taken in: what it held and what became of it."""

    ingest_id: str
    """Digest of source, format and file content: the same file again overwrites its own record."""
    source: str
    file: str
    rows: int
    inserted: int
    unchanged: int
    refused: dict[str, int]
    """Rows by value of events.Reason."""
    first_time: int | None
    last_time: int | None
    finished_at: int
    bytes: int = 0
    """Length of the file, so that a longer one is only looked at where it may begin with this; 0 where nobody noted it."""


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of the service: to whom, by which version, from what."""

    prediction_id: str
    user_id: str
    predicted_at: int
    probability: float
    prediction: int
    threshold: float
    model_version: str
    features_from: str
    """`request`, `store`, `mixed` or `default`."""
    feature_version: int
    features: bytes
    """float32, little-endian."""
    latency_us: int
    pod: str
    sequence: int
    """Counts up by one per pod process: a gap is a lost record."""
    boot: str
    """Names the process that counted `sequence`."""
    route: str
    """`predict`, `batch` or, in a store's `shadows`, `shadow`."""
    arm: str | None = None
    """`champion` or `challenger`, as an experiment assigned the user; None where none splits users."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """The champion's answer for one active user at a fixed cutoff, with the feature row it was given for."""

    user_id: str
    cutoff: int
    probability: float
    prediction: int
    model_version: str
    feature_version: int
    features: bytes


class Timed(NamedTuple):
    """How fast single requests of a stretch of time were answered."""

    since: int
    answers: int
    """All there were."""
    latencies: list[int]
    """Of the newest of them, in microseconds."""


class Ranked(NamedTuple):
    """A scored user as a ranking lists them."""

    user_id: str
    probability: float


class TargetList(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign's list of users to target: how it was chosen, and what was expected of it."""

    list_id: str
    """A digest of name, cutoff, split, users and arms: the same list exported again is the same list."""
    name: str
    created_at: int
    created_by: str
    cutoff: int
    """Of the scores it was chosen from."""
    model_version: str
    rule: str
    """How it was chosen, in words for a person."""
    control_share: float
    seed: int
    """Of the control split."""
    treated: int
    control: int
    expected_buyers: float
    """Sum of the treated users' probabilities."""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A user on a target list with its arm; the control arm is recorded and not contacted."""

    list_id: str
    user_id: str
    arm: str
    """`treated` or `control`."""
    probability: float
    """What the model said when the list was made."""
    listed_at: int


class Champion(msgspec.Struct, frozen=True, kw_only=True):
    """The store's own record of the model in production, so that serving does not need the registry."""

    version: str
    digest: str
    """`sha256:…` of the bundle."""
    verdict: str
    """The gate's word, such as `promoted` or `unproven`; empty or another where a person promoted it all the same."""
    promoted_at: int

    @property
    def reference(self) -> str:
        """`version@sha256:…`, as a pod's annotation names it."""
        return f"{self.version}@{self.digest}"


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger: a trigger, decision, training or rollout, as a state that can be resumed."""

    sequence: int
    kind: str
    """`promotion`, `rollback`, `training`, `decision`, `experiment`, `request`."""
    state: str
    """The kind's own state machine says which; the last states are `done`, `refused`, `failed`, `rolled back`."""
    at: int
    """When it was claimed."""
    updated_at: int
    reason: str
    """Why, in one sentence for a person."""
    subject: str | None = None
    """What it is about: a model version, a Job."""
    key: str | None = None
    """Unique where set: the same request made twice is one entry."""
    evidence: dict[str, Any] = {}
    """Numbers behind the decision."""
    history: list[tuple[str, int]] = []
    """Each state it has been in and since when."""

    @property
    def actor(self) -> str:
        """Who asked for it or did it; empty where the system did so by itself."""
        return str(self.evidence.get("actor", ""))
