"""Everything that can be set, read once at a door from `PROPENSITY_*` and passed down from there.

On Kubernetes the names come from values.yaml by way of a ConfigMap and Secrets; on a laptop nothing needs setting.
"""

import functools
import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from propensity.errors import SettingsError
from propensity.keeping import least_days

SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class Settings(BaseSettings):
    """The settings of every room; each field is the environment variable PROPENSITY_<NAME>."""

    model_config = SettingsConfigDict(
        env_prefix="PROPENSITY_",
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        populate_by_name=True,
    )

    home: Path = Path(".propensity")
    """Folder of the embedded mode: store, registry and spool live in it."""

    store_uri: SecretStr = SecretStr("")
    """`sqlite:///path` or `mongodb://…`; empty means SQLite in the home folder. May hold a password."""

    tracking_uri: str = Field(default="", validation_alias="MLFLOW_TRACKING_URI")
    """MLflow's address; empty means SQLite in the home folder. MLflow's own name is used, so that its tools agree."""

    platform: Literal["embedded", "kubernetes"] = "embedded"
    """`kubernetes` inside a pod with a ServiceAccount token; a kubeconfig that happens to lie about is never used."""

    log_format: Literal["auto", "text", "json"] = "auto"
    """`auto` is text on a terminal and JSON elsewhere."""

    seed: int = Field(default=7, ge=0, lt=2**32)
    """Seed of everything that draws at random: the search, the bootstrap, the simulator."""

    max_refused_share: float = Field(default=0.05, ge=0, le=1)
    """Share of rows that may be refused before an ingest fails: more says the export is broken, not the shoppers."""

    feature_lag_minutes: int = Field(default=0, ge=0, le=7 * 24 * 60)
    """How long after it happened a back-filled event would have been known; set it to your feed's real delay."""

    lateness_hours: float = Field(default=1.0, ge=0, le=24 * 14)
    """How much later than its window's end a label counts as mature: late events have an hour to arrive."""

    burn_in_days: int = Field(default=30, ge=1, le=90)
    """History that stands before the first cutoff; a log too short for it uses a quarter of itself and says so."""

    cutoff_stride_hours: int = Field(default=5, ge=1, le=24 * 7)
    """Hours between cutoffs; 5 has no factor in common with 24, so that cutoffs fall on every hour of the day."""

    max_cutoffs: int = Field(default=60, ge=4, le=2_000)
    """Cutoffs in a training set; a long log takes the newest days, thinned evenly."""

    max_training_rows: int = Field(default=200_000, ge=1_000)
    """Feature rows a model is fitted on; a larger set is thinned by user."""

    search: Literal["full", "quick"] = "full"
    """Which declared grid is searched: `quick` holds one candidate of each family."""

    recall_target: float = Field(default=1.0, gt=0, le=1)
    """Share of the validation days' buyers that the threshold must catch; the promise is to miss none."""

    max_contact_share: float = Field(default=0.8, gt=0, le=1)
    """Share of users above the threshold from which the card warns that the list is nearly everybody."""

    gate_margin: float = Field(default=0.01, ge=0, le=1)
    """How much average precision a challenger may lose at worst (lower 95 % bound) and still be promoted."""

    min_positives: int = Field(default=200, ge=1)
    """Buyers the gate's period must hold; fewer is `not enough evidence` and the champion stays."""

    strict_first: bool = False
    """Refuse a first model that does not beat the baselines, instead of promoting it as `unproven`."""

    bootstrap_rounds: int = Field(default=500, ge=50, le=10_000)
    """Resamples of users behind each 95 % interval."""

    simulated_users: int = Field(default=1000, ge=100, le=1_000_000)
    """Shoppers of the log that `train --simulate` makes: enough for a model, and stored in seconds."""

    simulated_days_ago: int = Field(default=0, ge=0, le=365)
    """Days before last midnight at which that log ends: days of the same shop that can be played later, drift and all."""

    retrain_cooldown_hours: float = Field(default=6.0, ge=0, le=24 * 30)
    """Rest after a training before a trigger may start the next one: its effect has to be seen first."""

    retrain_daily_budget: int = Field(default=2, ge=1, le=100)
    """Trainings that triggers may start in 24 hours, so that a noisy feed can't keep the cluster busy."""

    training_deadline_hours: float = Field(default=3.0, gt=0, le=24 * 7)
    """After this a training that did not end gives up its slot; longer than the Job's own activeDeadlineSeconds."""

    rollout_deadline_minutes: float = Field(default=10.0, gt=0, le=24 * 60)
    """Time the pods have to become ready with a new model before it is taken back: images are there, models are small."""

    rollout_watch_minutes: float = Field(default=60.0, ge=0, le=24 * 60)
    """How long after a rollout live answers are held to what the test days promised; 0 for not at all."""

    rollout_watch_users: int = Field(default=200, ge=20, le=2_000)
    """Users that must have been answered before anything is taken back for it: with fewer, chance looks like a fault."""

    rollout_watch_tolerance: float = Field(default=0.25, gt=0, le=1)
    """How far the share of live users above the threshold may be off: what is asked for differs by hour and by page."""

    experiment_mode: Literal["none", "shadow", "ab", "canary"] = "none"
    """How a challenger that passed the gate gets into service: at once, after answering copies, or some users first."""

    experiment_share: float = Field(default=0.5, gt=0, lt=1)
    """Share of users whom an A/B's challenger answers; halves need the fewest users."""

    experiment_stages: str = Field(default="0.01,0.05,0.25,0.5", pattern=r"^0?\.\d+(,0?\.\d+)*$")
    """Shares of users that a canary's challenger answers, one after the other; after the last it is promoted."""

    experiment_stage_minutes: float = Field(default=30.0, ge=0, le=7 * 24 * 60)
    """How long each stage of a canary lasts at least: a fault may come with the hour."""

    experiment_stage_answers: int = Field(default=500, ge=50, le=2_000)
    """Answers in the challenger's arm before a canary's next stage: with fewer, a 99th percentile says little."""

    experiment_shadow_answers: int = Field(default=1_000, ge=50, le=10_000)
    """Copies that a shadow must have answered soundly before it is promoted."""

    experiment_fallback_share: float = Field(default=0.01, gt=0, le=1)
    """Share of the challenger's users whom the champion may have to answer before a canary or A/B is called off."""

    experiment_latency_ratio: float = Field(default=1.5, ge=1, le=100)
    """How many times the champion's 99th percentile the challenger's may take, and 10 ms for its own process."""

    experiment_effect: float = Field(default=0.01, gt=0, lt=1)
    """Smallest difference in conversion that matters to an A/B; half of it needs four times the users."""

    experiment_look_hours: float = Field(default=24.0, ge=0, le=24 * 7)
    """How often an A/B's outcomes are counted; each look reads all of its users."""

    experiment_days: float = Field(default=30.0, gt=0, le=365)
    """After this an experiment that has come to no end goes back to the champion."""

    experiment_deadline_ms: int = Field(default=100, ge=5, le=10_000)
    """How long a request of the challenger's arm waits for the challenger before the champion answers it."""

    experiment_memory_mb: int = Field(default=256, ge=32, le=65_536)
    """What a challenger may take beyond its libraries' 60 MB before its process ends; the pod must have so much to spare."""

    operate_interval_seconds: float = Field(default=5.0, gt=0, le=600)
    """Pause between two looks of the operator: a person who pressed a button should not wait long."""

    monitor_window_hours: int = Field(default=24, ge=1, le=24 * 7)
    """Length of a monitor's window; a day holds every hour once, so that windows are alike."""

    stale_after_hours: float = Field(default=12.0, gt=0, le=24 * 14)
    """Silence after which a feed counts as stopped: longer than a quiet night, shorter than a lost day."""

    min_volume_share: float = Field(default=0.2, ge=0, le=1)
    """Share of the events of a week before under which a part of the feed must be missing."""

    drift_min_users: int = Field(default=500, ge=50)
    """Users that window and reference must each hold: with fewer, chance looks like drift."""

    drift_max_users: int = Field(default=10_000, ge=500)
    """Users a window is judged on, drawn by a hash; more show only drifts too small to matter."""

    drift_min_effect: float = Field(default=0.04, ge=0, le=1)
    """Smallest shift that matters: P(above the reference) - P(below); a shop of 2,000 users can just show it."""

    drift_false_discovery: float = Field(default=0.05, gt=0, lt=1)
    """Share of false findings among the features that are found to drift (Benjamini and Hochberg)."""

    drift_persistence: int = Field(default=2, ge=1, le=30)
    """Windows of the last `drift_windows` in which a feature must drift the same way: one odd day is no drift."""

    drift_windows: int = Field(default=3, ge=1, le=30)
    """Windows looked at together; at least `drift_persistence`."""

    performance_days: int = Field(default=7, ge=1, le=60)
    """Days of mature outcomes that live metrics are taken from: a week, because weekdays differ."""

    performance_drop_share: float = Field(default=0.05, gt=0, lt=1)
    """Share of the F1 promised for the window's buyers that may be lost before it is a reason to retrain."""

    performance_floor: float = Field(default=0.0, ge=0, le=1)
    """F1 below which to retrain whatever was promised; 0 for none, because F1 depends on how many users buy."""

    volume_growth: float = Field(default=0.10, gt=0)
    """Growth of the events since the last finished training from which to retrain."""

    report_retention_days: int = Field(default=30, ge=1, le=3650)
    """How long drift reports are kept: each weighs about a megabyte."""

    event_retention_days: int = Field(default=0, ge=0, le=3650)
    """How long events are kept, counted back from the newest one; 0 for ever. At least what a training reads."""

    refused_retention_days: int = Field(default=0, ge=0, le=3650)
    """How long refused rows are kept, with the text that could not be read; 0 for ever."""

    prediction_retention_days: int = Field(default=0, ge=0, le=3650)
    """How long the log of answers is kept; 0 for ever. Longer than an experiment lasts: its report counts answers."""

    score_retention_days: int = Field(default=0, ge=0, le=3650)
    """How long scores are kept; 0 for ever. At least until their outcomes are joined and corrected, and drift is judged."""

    outcome_retention_days: int = Field(default=0, ge=0, le=3650)
    """How long outcomes of scores are kept; 0 for ever. At least the days that live metrics are taken from."""

    contact_retention_days: int = Field(default=0, ge=0, le=3650)
    """How long it is known who was on which target list; 0 for ever. While it is not, a campaign has no result."""

    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    """Processes or threads for the heavy work."""

    dask_address: str = Field(default="", pattern=r"^((tcp|tls)://.+)?$")
    """`tcp://host:8786` or `tls://…` of a Dask scheduler that training and scoring use; empty for this machine alone."""

    model_reference: str = ""
    """`version@sha256:…` a scorer pod serves; empty means the store's own record of the champion."""

    model_path: str = ""
    """Folder of a bundle inside the image; set by a packaged Bento, which then needs neither store nor registry."""

    api_keys_file: str = ""
    """JSON file of API keys: name, SHA-256 and scopes. Required on Kubernetes; without it embedded mode is open."""

    dashboard_access: str = ""
    """Folder with the files `reader` and `operator`, whose texts people log in to the dashboard with; else embedded mode is open."""

    dashboard_oidc: bool = False
    """Let people log in to the dashboard by OIDC, as Streamlit's secrets.toml under [auth] says."""

    dashboard_operators: str = ""
    """E-mail addresses, with commas, of those who may press the dashboard's buttons after an OIDC login."""

    spool_path: str = ""
    """Folder where predictions wait while the store is away; empty means `spool` in the home folder."""

    spool_max_mb: int = Field(default=256, ge=1)
    """Upper size of that folder; what does not fit is counted as lost."""

    pod_name: str = ""
    """Name written into predictions; empty means the host's name."""

    release: str = ""
    """First part of the names of a release's objects, by which its CronJob and Deployment are found; set by the chart."""

    namespace: str = ""
    """Namespace of the release; set by the chart."""

    training: int = 0
    """Number of the ledger's training that a Job was made for; set by the chart from the pod's annotation."""

    kubeconfig: str = ""
    """File by which a cluster is reached from outside it, with PROPENSITY_PLATFORM=kubernetes; $KUBECONFIG is not read."""

    @field_validator("training", mode="before")
    @classmethod
    def _nothing_is_zero(cls, given: object) -> object:
        return given or 0  # a pod without the annotation gets an empty text

    @model_validator(mode="after")
    def _fill_in(self) -> Self:
        home = self.home.absolute()
        fill = functools.partial(object.__setattr__, self)
        fill("home", home)
        if not self.store_uri.get_secret_value():
            fill("store_uri", SecretStr(f"sqlite:///{home / 'store.db'}"))
        if not self.tracking_uri:
            fill("tracking_uri", f"sqlite:///{home / 'mlflow.db'}")
        if not self.spool_path:
            fill("spool_path", str(home / "spool"))
        if "platform" not in self.model_fields_set and SERVICE_ACCOUNT_TOKEN.exists():
            fill("platform", "kubernetes")
        return self

    @model_validator(mode="after")
    def _keep_what_is_needed(self) -> Self:
        for name, (least, why) in least_days(self).items():
            days = getattr(self, name)
            if 0 < days < least:
                raise SettingsError(
                    f"PROPENSITY_{name.upper()} is {days}, but {why} needs {least} days. Set it to at least {least}, or "
                    "to 0 to keep everything."
                )
        return self


def read_settings(**given: object) -> Settings:
    """Read the environment, with `given` on top; a SettingsError names the variable that is wrong."""
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        name = name if name.startswith("MLFLOW") else f"PROPENSITY_{name}"
        raise SettingsError(
            f"{name} can't be used: {first['msg']}. Set it right, or unset it for the default."
        ) from error
