"""A bundle: the files serving needs of a model version, named by the digest of what is in them.

    model.onnx      the calibrated model, float32 rows in, probabilities out
    model.json      what the numbers mean: features, threshold, calibration, metrics (ModelDocument)
    recorded.json   inputs and the answers the model gave when it was made (Recorded)

A bundle is data: nothing in it is executed or unpickled. It does not know its version, because the registry gives the
version after the bundle is made; who serves it knows `version@digest`.
"""

import hashlib
from pathlib import Path
from typing import Final, Self, TypeVar

import msgspec

from propensity.errors import BrokenBundle

MODEL: Final = "model.onnx"
DOCUMENT: Final = "model.json"
RECORDED: Final = "recorded.json"
FILES: Final = (MODEL, DOCUMENT, RECORDED)
SCHEMA: Final = 1
"""Of model.json; a reader refuses another."""
_T = TypeVar("_T")


class Estimate(msgspec.Struct, frozen=True):
    """A metric with its 95 % interval."""

    value: float
    low: float
    high: float


class OperatingPoint(msgspec.Struct, frozen=True):
    """What one threshold gives on the validation days."""

    threshold: float
    recall: float
    precision: float
    share: float
    """Share of all users at or above the threshold: who would be contacted."""


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """A run of cutoffs used for one purpose."""

    first_cutoff: int
    last_cutoff: int
    cutoffs: int
    rows: int
    users: int
    positives: int


class ModelDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model's numbers mean and how it was made; model.json."""

    schema: int
    estimator: str
    """Name in the declared grid, such as `random_forest`."""
    parameters: dict[str, str | int | float | bool | None]
    calibration: str
    """`sigmoid` or `none`."""
    feature_version: int
    features: list[str]
    threshold: float
    """The answer is 1 where the probability is at or above it."""
    recall_target: float
    expected_recall: float
    """What later days can be expected to show of it: n/(n+1) with n validation buyers, times the target."""
    contact_share: Estimate
    """Share of users at or above the threshold on the test days; live traffic far from it is not this model's."""
    metrics: dict[str, Estimate]
    """On the test days, at the threshold."""
    baselines: dict[str, dict[str, Estimate]]
    """The same days, by baseline name and metric."""
    operating_curve: list[OperatingPoint]
    periods: dict[str, Period]
    """`fit`, `calibrate`, `validate`, `test`."""
    lag: int
    """Microseconds after which a back-filled event counts as known."""
    burn_in: int
    """Microseconds of history that stand before the first cutoff."""
    warnings: list[str]
    trained_at: int
    git_commit: str
    data_digest: str
    events: int
    """Events in the data window."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows and the answers that the model gave for them when it was made."""

    inputs: list[list[float]]
    probabilities: list[float]


class Bundle:
    """The files of a bundle in memory, and the digest they have."""

    def __init__(self, files: dict[str, bytes]) -> None:
        """Take the files as they are; BrokenBundle where one is missing or there are others."""
        if set(files) != set(FILES):
            raise BrokenBundle(
                f"The bundle holds {sorted(files)} instead of {sorted(FILES)}. Train the version again."
            )
        self.files = files
        self.digest = digest_of(files)

    @classmethod
    def make(cls, *, onnx: bytes, document: ModelDocument, recorded: Recorded) -> Self:
        """Put a new bundle together."""
        json = msgspec.json.Encoder(order="deterministic")
        return cls({MODEL: onnx, DOCUMENT: json.encode(document), RECORDED: json.encode(recorded)})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a bundle from a folder; BrokenBundle where it is incomplete."""
        try:
            return cls({name: (folder / name).read_bytes() for name in FILES})
        except OSError as error:
            raise BrokenBundle(
                f"{folder} holds no whole bundle ({error}). Name a folder made by a training."
            ) from error

    def save(self, folder: Path) -> None:
        """Write the files into a folder, making it where needed."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)

    def expect(self, digest: str) -> None:
        """Raise BrokenBundle unless the bundle has this digest."""
        if self.digest != digest:
            raise BrokenBundle(
                f"The bundle is {self.digest} but {digest} was asked for. Store it again or roll back."
            )

    @property
    def onnx(self) -> bytes:
        """The model itself."""
        return self.files[MODEL]

    @property
    def document(self) -> ModelDocument:
        """What the model's numbers mean; BrokenBundle where it can't be read or is of another schema."""
        document = _decode(self.files[DOCUMENT], ModelDocument, DOCUMENT)
        if document.schema != SCHEMA:
            raise BrokenBundle(
                f"The bundle's model.json has schema {document.schema}, this release reads {SCHEMA}. "
                "Serve it with the release that made it, or train again."
            )
        return document

    @property
    def recorded(self) -> Recorded:
        """Inputs and answers from the day the model was made; BrokenBundle where they can't be read."""
        return _decode(self.files[RECORDED], Recorded, RECORDED)


def digest_of(files: dict[str, bytes]) -> str:
    """Return `sha256:…` over the names and contents of the files, whatever their order."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return f"sha256:{total.hexdigest()}"


def _decode(content: bytes, kind: type[_T], name: str) -> _T:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError as error:
        raise BrokenBundle(f"The bundle's {name} can't be read: {error}. Train the version again.") from error
