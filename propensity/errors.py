"""Every error Propensity raises on purpose, with the exit code its command ends with.

    PropensityError                 1
    ├── SettingsError               30  what you set
    ├── InputError                  1x  the event log handed in
    │   ├── EmptyInput              10
    │   ├── HeaderOnly              11
    │   ├── WrongFormat             12
    │   ├── NotText                 13
    │   ├── TooManyRefused          14
    │   ├── EventsInFuture          15
    │   ├── NothingNew              16
    │   └── InputMissing            17
    ├── UnusableTrainingData        3   a training Job that ends so is not retried
    ├── TrainingUnderWay            4
    ├── TrainingGivenUp             5
    ├── OutsideError                2x  a system we depend on
    │   ├── StoreUnavailable        20
    │   ├── RegistryUnavailable     21
    │   ├── ClusterUnavailable      22
    │   └── EngineUnavailable       23
    └── ModelError                  4x  a model version
        ├── NoChampion              40
        ├── BrokenBundle            41
        ├── VersionNotFound         42
        ├── VersionRejected         43
        ├── NothingBefore           44
        ├── NoScores                45
        ├── NoExplanation           46
        ├── ExperimentUnderWay      47
        └── NoExperiment            48

Codes 0 (done), 1 (a crash), 2 (wrong usage) are as everywhere. A message is one sentence that says what is wrong
and one that says what to do. An outside library's exception becomes one of these in the one module that knows the
library, so that nothing above has to.
"""


class PropensityError(Exception):
    """Anything we raise on purpose; its text is meant for the person at the terminal."""

    exit_code = 1


class SettingsError(PropensityError):
    """A setting is missing, malformed, or contradicts another."""

    exit_code = 30


class InputError(PropensityError):
    """The event log handed in can't be used as it is; nothing of it was stored, or the message says what was."""


class EmptyInput(InputError):
    """The file has no bytes in it."""

    exit_code = 10


class HeaderOnly(InputError):
    """The file has a header and no row."""

    exit_code = 11


class WrongFormat(InputError):
    """The file's columns are not those of the format that was named."""

    exit_code = 12


class NotText(InputError):
    """The file is neither text, gzip nor Parquet."""

    exit_code = 13


class TooManyRefused(InputError):
    """More than the set share of rows can't be events; most likely something is wrong with the export."""

    exit_code = 14


class EventsInFuture(InputError):
    """More than the set share of rows lies in the future; most likely the time unit or zone is wrong."""

    exit_code = 15


class NothingNew(InputError):
    """Every file named was taken in before, as it is."""

    exit_code = 16


class InputMissing(InputError):
    """There is nothing at the path or URL that was named."""

    exit_code = 17


class UnusableTrainingData(PropensityError):
    """Too little data, or one class only: trying again can't help, other data can."""

    exit_code = 3


class TrainingUnderWay(PropensityError):
    """Another training has the one slot there is."""

    exit_code = 4


class TrainingGivenUp(PropensityError):
    """Somebody else ended this training while it ran, and its slot may be another's: what it made is not promoted."""

    exit_code = 5


class OutsideError(PropensityError):
    """A system we depend on did not answer; trying again later may help."""


class StoreUnavailable(OutsideError):
    """The store can't be reached, opened or written."""

    exit_code = 20


class RegistryUnavailable(OutsideError):
    """MLflow can't be reached or refused the call."""

    exit_code = 21


class ClusterUnavailable(OutsideError):
    """The Kubernetes API can't be reached or refused the call."""

    exit_code = 22


class EngineUnavailable(OutsideError):
    """Dask's scheduler can't be reached, has no workers or lost them, or they are not of this release and store."""

    exit_code = 23


class ModelError(PropensityError):
    """Something about a model version."""


class NoChampion(ModelError):
    """No version carries the alias `production`."""

    exit_code = 40


class BrokenBundle(ModelError):
    """A bundle is incomplete, altered, or does not answer as it did when it was made."""

    exit_code = 41


class VersionNotFound(ModelError):
    """The registry has no such version."""

    exit_code = 42


class VersionRejected(ModelError):
    """The version was rolled back once; only a person can put it into production again."""

    exit_code = 43


class NothingBefore(ModelError):
    """There is no version to go back to."""

    exit_code = 44


class NoScores(ModelError):
    """The champion has scored nobody yet, or nobody at that cutoff."""

    exit_code = 45


class NoExplanation(ModelError):
    """The version carries no explanation data: it was trained before there was any, or is of a kind that has none."""

    exit_code = 46


class ExperimentUnderWay(ModelError):
    """Another experiment has to end first: there is one at a time."""

    exit_code = 47


class NoExperiment(ModelError):
    """There is no experiment to stop or to report on."""

    exit_code = 48
