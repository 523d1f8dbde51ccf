"""The page docs/features.md, written from the definition so that it can't say anything else.

`python -m propensity.features.reference docs/features.md` writes it anew; a test compares the two.
"""

import sys
from pathlib import Path

from propensity.features import definition
from propensity.features.definition import DECAYS, FEATURES, HISTORY_LIMIT, VERSION, Feature

_HEAD = """\
# Features

Generated from `propensity/features/definition.py`; change it there and run `{command}`.

Definition version {version}, {count} features. An unknown user has the defaults; the bounds hold for values given in
a request. A user's newest {limit:,} events of the last 30 days are looked at.

"""
_COLUMNS = "| feature | meaning | unit | window | default | from | to |\n|---|---|---|---|---|---|---|\n"
_DECAY_HEAD = """
## Decayed counts

Each event adds the weight of its type, halved once per half-life of whole hours of age; the sum is divided by the
last column.

| feature | half-life | weight by type | divided by |
|---|---|---|---|
"""
_COMMAND = "python -m propensity.features.reference docs/features.md"


def render() -> str:
    """Return the whole page as Markdown."""
    head = _HEAD.format(command=_COMMAND, version=VERSION, count=len(FEATURES), limit=HISTORY_LIMIT)
    words = (definition.__doc__ or "").partition("Words: ")[2].strip()
    rows = "".join(_row(feature) for feature in FEATURES)
    return f"{head}{_COLUMNS}{rows}{_DECAY_HEAD}{_decays()}\n## Words\n\n{words[:1].upper()}{words[1:]}\n"


def _row(feature: Feature) -> str:
    kind = "whole " if feature.integer else ""
    default = "the cutoff's" if feature.window == "cutoff" else f"{feature.default:g}"
    return (
        f"| `{feature.name}` | {feature.description} | {kind}{feature.unit} | {feature.window} "
        f"| {default} | {feature.minimum:g} | {feature.maximum:g} |\n"
    )


def _decays() -> str:
    return "".join(
        f"| `{name}` | {decay.half_life_hours} h "
        f"| {', '.join(f'{kind} {weight}' for kind, weight in decay.type_weights.items())} | {decay.scale} |\n"
        for name, decay in DECAYS.items()
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")
