"""docs/features.md says what the definition says."""

from pathlib import Path

from propensity.features.definition import FEATURES
from propensity.features.reference import render

PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def test_the_page_on_features_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), (
        f"{PAGE} is stale: run `python -m propensity.features.reference docs/features.md`"
    )


def test_the_page_has_a_line_for_every_feature() -> None:
    page = render()
    assert [
        feature.name
        for feature in FEATURES
        if page.count(f"| `{feature.name}` | {feature.description} |") != 1
    ] == []
