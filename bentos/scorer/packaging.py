"""A Bento with a model inside: `bentoml serve TAG` answers with it, with neither store nor registry.

The Bento holds the service's source and the bundle beside it, where `model_source` looks for one first. Nothing is fetched
while building: packages are named as this release has them and installed when an image is made of the Bento.
"""

import contextlib
import importlib
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Final

import bentoml
from bentoml.exceptions import BentoMLException, NotFound

from propensity.bundle import Bundle, digest_of
from propensity.errors import BrokenBundle
from propensity.model import Model

NAME: Final = "propensity_scorer"
SERVICE: Final = "bentos.scorer.service:Scorer"
PACKAGES: Final = (
    "bentoml",
    "click",
    "httptools",
    "msgspec",
    "numpy",
    "onnxruntime",
    "prometheus-client",
    "pydantic",
    "pydantic-settings",
    "pymongo",
    "swagger-ui-bundle",
    "uvloop",
)
"""What the scorer's image needs, and nothing of the training's."""
_PARTS: Final = ("propensity", "bentos")
_LEFT_OUT: Final = ("__pycache__", "cli", "simulate", "packaged", "*.pyc", "Dockerfile", "README.md")


def package(bundle: Bundle, *, version: str, verdict: str = "") -> str:
    """Build a Bento of a verified bundle into BentoML's store and return its tag.

    The tag names the bundle and the source it was built from: the same again is the Bento that is there. BrokenBundle
    where the bundle does not verify or the Bento can't be built.
    """
    Model(bundle).verify()
    with tempfile.TemporaryDirectory(prefix="propensity-bento-") as folder:
        context = Path(folder)
        _copy_source(context)
        inside = context / "bentos" / "scorer" / "packaged"
        bundle.save(inside)
        (inside / "version").write_text(version, encoding="utf-8")
        (inside / "verdict").write_text(verdict, encoding="utf-8")
        name = f"v{version}-{digest_of(_content(context)).removeprefix('sha256:')[:12]}"
        with contextlib.suppress(NotFound):
            return str(bentoml.bentos.get(f"{NAME}:{name}").tag)
        try:
            bento = bentoml.bentos.build(
                SERVICE,
                name=NAME,
                version=name,
                build_ctx=str(context),
                labels={"model_version": version, "bundle": bundle.digest.removeprefix("sha256:")[:63]},
                python={"packages": _pinned(), "lock_packages": False},
            )
        except (BentoMLException, OSError) as error:
            raise BrokenBundle(
                f"BentoML could not build the Bento: {error}. Look at BENTOML_HOME: is there room, may it be written?"
            ) from error
    return str(bento.tag)


def _copy_source(context: Path) -> None:
    for part in _PARTS:
        module = importlib.import_module(part)
        source = Path(next(iter(module.__path__)))
        shutil.copytree(source, context / part, ignore=shutil.ignore_patterns(*_LEFT_OUT))


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _pinned() -> list[str]:
    pinned = []
    for name in PACKAGES:
        try:
            pinned.append(f"{name}=={installed(name)}")
        except PackageNotFoundError:
            continue
    return pinned
