"""Everything that can be set, read once at a door from `PROPENSITY_*` and passed down from there.

On Kubernetes the names come from values.yaml by way of a ConfigMap and Secrets; on a laptop nothing needs setting.
"""

import functools
import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from propensity.errors import SettingsError

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

    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    """Processes or threads for the heavy work."""

    model_reference: str = ""
    """`version@sha256:…` a scorer pod serves; empty means the store's own record of the champion."""

    model_path: str = ""
    """Folder of a bundle inside the image; set by a packaged Bento, which then needs neither store nor registry."""

    api_keys_file: str = ""
    """JSON file of API keys: name, SHA-256 and scopes. Required on Kubernetes; without it embedded mode is open."""

    spool_path: str = ""
    """Folder where predictions wait while the store is away; empty means `spool` in the home folder."""

    spool_max_mb: int = Field(default=256, ge=1)
    """Upper size of that folder; what does not fit is counted as lost."""

    pod_name: str = ""
    """Name written into predictions; empty means the host's name."""

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
